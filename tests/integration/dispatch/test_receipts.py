"""What an operator delivers is stored before it is answered, under the message it belongs to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from shared.contracts.words import ReceiptState
from shared.ids import GATEWAY
from shared.smpp.addresses import Address
from shared.smpp.constants import ESM_CLASS_DELIVERY_RECEIPT, ESME_RX_T_APPN, MESSAGE_STATE, RECEIPTED_MESSAGE_ID
from shared.smpp.pdu import DeliverSm
from shared.smpp.receipts import ReceiptState as SmppState
from shared.smpp.receipts import build
from shared.smpp.requests import DataSm
from shared.smpp.results import Accepted, Refused, SubmitResult
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc
from tests.support import wait_until
from tests.unit.dispatch.building import ACCOUNT, NUMBER, Letters, received

HANDSET = (1, 1, NUMBER[1:].encode())
US = (5, 0, b"Budstikke")
AT = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)


def receipt(operator_id: bytes, state: SmppState = SmppState.DELIVERED, **changes: object) -> DeliverSm:
    fields = {"source": HANDSET, "destination": US, "submitted_at": AT, "done_at": AT, **changes}
    return build(message_id=operator_id, state=state, **fields)  # type: ignore[arg-type]


async def deliver(life: Life, smsc: Smsc, pdu: DeliverSm) -> SubmitResult:
    return await asyncio.wait_for(smsc.session.deliver(pdu), 5)


async def submitted(live: Live, smsc: Smsc, letters: Letters, answer: bytes) -> tuple[Life, str]:
    life = live()
    smsc.answer_id = lambda number: answer
    order = received(letters.order(partition=3))
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)
    return life, order.event.message.message_id


async def test_a_receipt_goes_to_its_message(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, message_id = await submitted(live, smsc, letters, b"abc-1")

    answer = await deliver(life, smsc, receipt(b"abc-1"))

    assert isinstance(answer, Accepted)
    (event,) = life.broker.receipts
    output = life.broker.outputs[-1]
    assert (output.topic, output.partition, output.key) == ("sms.receipts", 3, message_id.encode())
    assert (event.message_id, event.part, event.attempt, event.state) == (message_id, 1, 1, ReceiptState.DELIVERED)
    assert (event.operator, event.link, event.operator_id) == ("fjord", "fjord-1", "abc-1")
    assert event.source is not None
    assert letters.sealer.open(ACCOUNT, event.receipt_id, "source", event.source) == NUMBER[1:]
    assert NUMBER[3:].encode() not in b"".join(output.value or b"" for output in life.broker.outputs)


async def test_a_receipt_may_come_as_data_sm(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, message_id = await submitted(live, smsc, letters, b"abc-1")
    data = DataSm(
        source=Address(*HANDSET),
        destination=Address(*US),
        esm_class=ESM_CLASS_DELIVERY_RECEIPT,
        tlvs=((RECEIPTED_MESSAGE_ID, b"abc-1\0"), (MESSAGE_STATE, b"\x02")),
    )

    answer = await asyncio.wait_for(smsc.session.data(data), 5)

    assert isinstance(answer, Accepted)
    (event,) = life.broker.receipts
    assert (event.message_id, event.state) == (message_id, ReceiptState.DELIVERED)
    assert life.broker.incoming == []


async def test_a_receipt_is_stored_before_it_is_answered(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, _ = await submitted(live, smsc, letters, b"7")
    gate = asyncio.Event()
    send = life.broker.send

    async def slow(outputs: object, **options: object) -> None:
        await gate.wait()
        await send(outputs)  # type: ignore[arg-type]

    life.broker.send = slow  # type: ignore[method-assign]
    answer = smsc.session.deliver(receipt(b"7"))
    other = smsc.session.deliver(receipt(b"7", SmppState.ENROUTE))
    await wait_until(lambda: not life.relay._waiting)
    assert not answer.done()

    gate.set()

    assert isinstance(await asyncio.wait_for(answer, 5), Accepted)
    assert isinstance(await asyncio.wait_for(other, 5), Accepted)
    assert len(life.broker.receipts) == 2


async def test_what_cannot_be_stored_stays_with_the_operator_and_comes_again_under_the_same_id(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life, _ = await submitted(live, smsc, letters, b"7")
    life.broker.away = True
    assert await deliver(life, smsc, receipt(b"7")) == Refused(ESME_RX_T_APPN)
    assert life.broker.receipts == []

    life.broker.away = False
    for _ in range(2):
        assert isinstance(await deliver(life, smsc, receipt(b"7")), Accepted)

    first, second = life.broker.receipts
    assert first.receipt_id == second.receipt_id
    assert life.broker.ids()[-1] == life.broker.ids()[-2] == first.receipt_id


async def test_an_id_in_another_base_is_found_by_id_and_handset(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, message_id = await submitted(live, smsc, letters, b"1f4a")

    await deliver(life, smsc, receipt(b"%010d" % 0x1F4A))

    assert life.broker.receipts[0].message_id == message_id
    assert life.broker.receipts[0].operator_id == "1f4a"


async def test_an_id_in_another_base_for_another_handset_is_not_that_message(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    """Operator ids of small numbers: 1000 as hex is 4096, which is somebody else's."""
    life, _ = await submitted(live, smsc, letters, b"4096")

    await deliver(life, smsc, receipt(b"1000", source=(1, 1, b"4790000000")))

    (event,) = life.broker.receipts
    assert (event.message_id, event.operator_id) == (None, "1000")


async def test_an_id_that_names_another_handset_is_that_of_an_earlier_message(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    """An operator uses its ids again; who finds the earlier message is `dlr`."""
    life, message_id = await submitted(live, smsc, letters, b"7")

    for source in (b"4790000000", b"2077", b"Budstikke", HANDSET[2]):
        await deliver(life, smsc, receipt(b"7", source=(1, 1, source)))

    found = [event.message_id for event in life.broker.receipts]
    assert found == [None, message_id, message_id, message_id]


async def test_an_unknown_id_is_kept_under_the_operators_id(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, _ = await submitted(live, smsc, letters, b"7")

    await deliver(life, smsc, receipt(b"8888-x", SmppState.UNDELIVERABLE, err="001"))

    (event,) = life.broker.receipts
    output = life.broker.outputs[-1]
    assert output.key == b"fjord:8888-x"
    assert (event.message_id, event.account_id, event.part) == (None, None, 0)
    assert (event.operator_id, event.operator_id_raw, event.error) == ("8888-x", b"8888-x", "001")
    assert event.raw is not None
    assert isinstance(letters.sealer.open(GATEWAY, event.receipt_id, "raw", event.raw), str)


async def test_a_receipt_without_an_id_is_nobodys(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, _ = await submitted(live, smsc, letters, b"")

    await deliver(life, smsc, DeliverSm(esm_class=0x04, short_message=b"stat:DELIVRD err:000"))

    assert life.broker.receipts[0].message_id is None


async def test_odd_receipts_are_taken_and_end_nothing(live: Live, smsc: Smsc, letters: Letters) -> None:
    life, _ = await submitted(live, smsc, letters, b"7")
    odd = [
        DeliverSm(esm_class=0x04),
        DeliverSm(esm_class=0x04, short_message=b"id:\xff\xfe stat:??? err: done date:9999999999", data_coding=8),
        DeliverSm(esm_class=0x04, short_message=b"\xd8\x00" * 20, data_coding=8, source_addr=b"\xe5\xff"),
        DeliverSm(tlvs=((0x001E, b"\0" * 70), (0x0427, b"\xff"), (0x0423, b"\1"))),
        DeliverSm(tlvs=((0x001E, b"9" * 500), (0x0424, b"x" * 60_000))),
    ]

    answers = [await deliver(life, smsc, pdu) for pdu in odd]

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len(life.broker.receipts) == len(odd)


async def test_the_memory_of_ids_is_bounded(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live(window=50)
    life.memory._size = 5
    smsc.answer_id = lambda number: b"id%d" % number
    orders = [received(letters.order(f"m{number}")) for number in range(20)]
    await life.start(orders)
    await life.handle(orders)
    await life.until_finished(20)

    for number in (1, 20):
        await deliver(life, smsc, receipt(b"id%d" % number))

    assert [event.message_id is None for event in life.broker.receipts] == [True, False]
