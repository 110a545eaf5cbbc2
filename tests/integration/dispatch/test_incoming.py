"""A message from a handset is on `sms.inbound` before the operator is told that we have it."""

from __future__ import annotations

import asyncio

from shared.contracts.inbound import InboundCoding
from shared.ids import GATEWAY
from shared.smpp.addresses import Address
from shared.smpp.constants import ESME_RX_T_APPN, MESSAGE_PAYLOAD
from shared.smpp.pdu import DeliverSm
from shared.smpp.requests import DataSm
from shared.smpp.results import Accepted, Refused
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc
from tests.integration.dispatch.test_receipts import deliver, receipt
from tests.support import wait_until
from tests.unit.dispatch.building import NUMBER, Letters

STOP = DeliverSm(
    source_addr_ton=1,
    source_addr_npi=1,
    source_addr=NUMBER[1:].encode(),
    destination_addr=b"2012",
    short_message=b"STOPP",
)


async def alive(live: Live) -> Life:
    life = live()
    await life.start()
    return life


async def test_it_is_written_sealed_under_the_gateways_key(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = await alive(live)

    assert isinstance(await deliver(life, smsc, STOP), Accepted)

    (event,), (output,) = life.broker.incoming, life.broker.outputs
    assert (output.topic, event.operator, event.link, event.to) == ("sms.inbound", "fjord", "fjord-1", "2012")
    assert letters.sealer.open(GATEWAY, event.inbound_id, "from", event.from_) == NUMBER
    assert letters.sealer.open(GATEWAY, event.inbound_id, "content", event.content) == "STOPP"
    assert event.coding is InboundCoding.GSM7
    assert (output.key or b"").startswith(b"2012|")
    assert NUMBER[3:].encode() not in (output.key or b"") + (output.value or b"") + str(output.headers).encode()
    assert life.registry.get_sample_value(
        "budstikke_sender_deliveries_total", {"operator": "fjord", "kind": "incoming"}
    )


async def test_it_is_stored_before_it_is_answered(live: Live, smsc: Smsc) -> None:
    life = await alive(live)
    gate = asyncio.Event()
    send = life.broker.send

    async def slow(outputs: object, **options: object) -> None:
        await gate.wait()
        await send(outputs)  # type: ignore[arg-type]

    life.broker.send = slow  # type: ignore[method-assign]
    answer = smsc.session.deliver(STOP)
    await wait_until(lambda: not life.relay._waiting)
    assert not answer.done()

    gate.set()

    assert isinstance(await asyncio.wait_for(answer, 5), Accepted)


async def test_what_cannot_be_stored_stays_with_the_operator_and_comes_again_under_the_same_id(
    live: Live, smsc: Smsc
) -> None:
    life = await alive(live)
    life.broker.away = True
    assert await deliver(life, smsc, STOP) == Refused(ESME_RX_T_APPN)
    assert life.broker.incoming == []

    life.broker.away = False
    for _ in range(2):
        assert isinstance(await deliver(life, smsc, STOP), Accepted)

    first, second = life.broker.incoming
    assert first.inbound_id == second.inbound_id
    assert life.broker.outputs[0].partition == life.broker.outputs[1].partition


async def test_killed_before_the_write_nothing_was_answered(live: Live, smsc: Smsc) -> None:
    """The operator has no answer, so it delivers again to whoever comes next, under the same id."""
    first = await alive(live)

    async def never(outputs: object, **options: object) -> None:
        await asyncio.Event().wait()

    first.broker.send = never  # type: ignore[method-assign]
    answer = smsc.session.deliver(STOP)
    await wait_until(lambda: not first.relay._waiting)
    await first.die()
    assert not isinstance(await asyncio.wait_for(answer, 5), Accepted | Refused)

    second = await alive(live)
    assert isinstance(await deliver(second, smsc, STOP), Accepted)
    assert len(second.broker.incoming) == 1


async def test_receipts_and_messages_come_mixed(live: Live, smsc: Smsc) -> None:
    life = await alive(live)

    answers = await asyncio.gather(
        smsc.session.deliver(STOP), smsc.session.deliver(receipt(b"7")), smsc.session.deliver(STOP)
    )

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert (len(life.broker.incoming), len(life.broker.receipts)) == (2, 1)


async def test_a_message_that_comes_as_data_sm_is_the_same_message(live: Live, smsc: Smsc) -> None:
    life = await alive(live)
    data = DataSm(
        source=Address(1, 1, STOP.source_addr),
        destination=Address(0, 0, STOP.destination_addr),
        tlvs=((MESSAGE_PAYLOAD, STOP.short_message),),
    )

    assert isinstance(await deliver(life, smsc, STOP), Accepted)
    assert isinstance(await asyncio.wait_for(smsc.session.data(data), 5), Accepted)
    life.broker.away = True
    assert await asyncio.wait_for(smsc.session.data(data), 5) == Refused(ESME_RX_T_APPN)

    first, second = life.broker.incoming
    assert first.inbound_id == second.inbound_id
