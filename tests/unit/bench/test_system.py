"""What the bench of the whole system says of a run, and the far ends that it brings."""

from __future__ import annotations

import asyncio

import pytest

from shared.smpp.client import connect
from shared.smpp.pdu import DeliverSm, SubmitSm
from shared.smpp.receipts import ReceiptState, parse
from shared.smpp.reply import Reply
from shared.smpp.results import Accepted
from shared.smpp.settings import BindSettings
from tests.bench.bill import Bill
from tests.bench.ends.sink import Connection, Sink
from tests.bench.ends.smsc import Session, Smsc
from tests.bench.outcome import outcome
from tests.bench.processes import Usage
from tests.support import wait_until


def sent(number: int, *, status: int = 202) -> dict[str, int]:
    return {"no": number, "t0_ns": number * 1000, "t1_ns": number * 1000 + 500, "status": status}


def submitted(number: int) -> dict[str, int]:
    return {"no": number, "t_submit_ns": number * 1000 + 700}


def called(number: int, *, delivered: int = 1) -> dict[str, int]:
    return {"no": number, "t_ns": number * 1000 + 900, "delivered": delivered}


def test_a_run_in_which_each_message_came_once_is_good() -> None:
    result = outcome([sent(1), sent(2)], [submitted(2), submitted(1)], [called(1), called(2), called(99)])
    assert result.good
    assert result.end_to_end_rate == 2 / (2900 - 1000) * 1e9
    assert result.accept_to_submit == [200e-9, 200e-9]


def test_what_was_lost_doubled_or_refused_is_counted() -> None:
    load = [sent(1), sent(2), sent(3), sent(4, status=503)]
    result = outcome(load, [submitted(1), submitted(1), submitted(3)], [called(1), called(1)])
    assert not result.good
    assert (result.refused, result.lost, result.submitted_twice) == (1, 1, 1)
    assert (result.not_called_back, result.called_back_twice) == (2, 1)


@pytest.mark.parametrize(
    ("submits", "callbacks"),
    [
        ([submitted(1)], [called(1)]),
        ([submitted(1), submitted(2), submitted(2)], [called(1), called(2)]),
        ([submitted(1), submitted(2)], [called(1)]),
        ([submitted(1), submitted(2)], [called(1), called(2), called(2)]),
        ([submitted(1), submitted(2)], [called(1), called(2, delivered=0)]),
    ],
)
def test_no_run_is_good_in_which_one_message_went_wrong(
    submits: list[dict[str, int]], callbacks: list[dict[str, int]]
) -> None:
    assert not outcome([sent(1), sent(2)], submits, callbacks).good


async def test_the_smsc_answers_a_message_and_reports_it_delivered() -> None:
    smsc, receipts = Smsc(response_delay=0.0, receipt_delay=0.0), asyncio.Queue[DeliverSm]()

    def on_deliver(message: DeliverSm, reply: Reply) -> None:
        receipts.put_nowait(message)
        reply(0)

    server = await asyncio.get_running_loop().create_server(lambda: Session(smsc), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bind = await connect(BindSettings(host="127.0.0.1", port=port, system_id="us", password="x"), on_deliver=on_deliver)
    result = await bind.submit(SubmitSm(destination_addr=b"4740000001", short_message=b"PB-40000001 and so on"))
    await bind.submit(SubmitSm(destination_addr=b"4740000003", short_message=b"PB-40000002 of another"))
    receipt = await receipts.get()
    await bind.unbind(1.0)
    await wait_until(lambda: not smsc.bound, 5.0, waiting_for="the SMSC to see the end")
    server.close()

    assert isinstance(result, Accepted)
    said = parse(receipt)
    assert said is not None
    assert (said.message_id, said.state) == (result.message_id, ReceiptState.DELIVERED)
    assert receipt.source_addr == b"4740000001"
    assert [number for number, _ in smsc.submits] == [40_000_001, -1]


async def test_the_sink_counts_callbacks_by_their_url() -> None:
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sink), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    said = b'{"data":{"state":"delivered"}}'
    writer.write(
        b"POST /dlr?n=7 HTTP/1.1\r\ncontent-length: %d\r\n\r\n%bPOST /dlr?n=8 HTTP/1.1\r\n\r\n" % (len(said), said)
    )
    for _ in range(2):
        assert (await reader.readuntil(b"\r\n\r\nOK")).startswith(b"HTTP/1.1 200 OK")
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    server.close()

    assert [(number, delivered) for number, _, delivered in sink.callbacks] == [(7, True), (8, False)]


def test_the_bill_is_a_message_s_share_of_what_each_process_took_and_leaves_out_the_far_ends() -> None:
    before = Usage({"kafka": 1.0, "mongodb": 0.0, "valkey": 0.0, "dlr": 2.0, "sink": 0.0}, machine=10.0, at=0.0)
    end = Usage({"kafka": 1.5, "mongodb": 0.0, "valkey": 0.0, "dlr": 3.0, "sink": 0.1}, machine=13.0, at=2.0)
    after = Usage({"kafka": 1.6, "mongodb": 0.0, "valkey": 0.0, "dlr": 3.0, "sink": 0.1}, machine=13.0, at=3.0)
    peaks = {"kafka": 300.0, "mongodb": 1.0, "valkey": 1.0, "dlr": 100.0}
    rows = {row.name: row.reached for row in Bill(1000, before, end, after, peaks, load_cpu=0.4).figures()}
    assert rows["dlr: CPU"] == "1,000 µs, peak 100 MB"
    assert rows["all of ours: CPU"] == "1,000 µs"
    assert rows["**all: CPU**"] == "1,500 µs"
    assert rows["all, in the seconds after"] == "0.10 cores"
    assert rows["far ends: CPU"] == "sink 100 µs, load 400 µs"
    assert rows["others on the machine"] == "0.50 cores"
