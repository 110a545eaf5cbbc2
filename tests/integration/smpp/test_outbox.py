"""The outbox on a real server: what an ESME did not take reaches it on its next bind."""

from __future__ import annotations

from random import Random

from shared.smpp.backoff import Backoff
from shared.smpp.codec import decode_deliver_sm, encode_response
from shared.smpp.constants import BIND_RECEIVER, BIND_TRANSMITTER, DELIVER_SM, ESME_ROK, ESME_RX_P_APPN
from shared.smpp.outbox import Outbox
from shared.smpp.pdu import DeliverSm
from shared.smpp.results import Accepted, Refused, SubmitResult
from shared.smpp.settings import SessionSettings
from tests.integration.smpp.peers import Lines, RawPeer
from tests.support import wait_until


async def deliveries(peer: RawPeer, count: int) -> list[tuple[int, bytes]]:
    frames = await peer.read_many(count)
    assert {frame[0] for frame in frames} == {DELIVER_SM}
    return [(sequence, decode_deliver_sm(body).short_message) for _, _, sequence, body in frames]


async def test_what_was_not_acknowledged_is_delivered_again_in_order_on_the_next_receiving_bind(lines: Lines) -> None:
    ended: dict[int, SubmitResult] = {}
    outbox = Outbox(ended.__setitem__, random=Random(1), backoff=Backoff(first=0.001))
    server = await lines.listening(
        on_bound=outbox.joined,
        on_closed=outbox.left,
        on_writable=outbox.writable,
        on_late=outbox.late,
        settings=SessionSettings(window=3),
    )
    for number in range(5):
        outbox.add(b"esme", DeliverSm(short_message=b"%d" % number), number)

    first = await lines.bound_raw_client(server, BIND_RECEIVER)
    (sequence, text), *_ = await deliveries(first, 3)
    assert text == b"0"
    first.send(encode_response(DELIVER_SM, ESME_ROK, sequence))
    assert [text for _, text in await deliveries(first, 1)] == [b"3"]
    first.reset()
    await wait_until(lambda: not server.sessions)
    assert ended == {0: Accepted(b"")}

    transmitter = await lines.bound_raw_client(server, BIND_TRANSMITTER)
    assert await transmitter.answers_enquire_link()

    second = await lines.bound_raw_client(server, BIND_RECEIVER)
    again = await deliveries(second, 3)
    assert [text for _, text in again] == [b"1", b"2", b"3"]
    second.send(encode_response(DELIVER_SM, ESME_RX_P_APPN, again[0][0]))
    second.send(*(encode_response(DELIVER_SM, ESME_ROK, sequence) for sequence, _ in again[1:]))
    ((sequence, text),) = await deliveries(second, 1)
    assert text == b"4"
    second.send(encode_response(DELIVER_SM, ESME_ROK, sequence))

    await wait_until(lambda: len(ended) == 5)
    assert ended[1] == Refused(ESME_RX_P_APPN)
    assert len(outbox) == 0
