"""Receipts whose sender no longer knew the message."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from services.dlr.status.orphans import Adopter
from services.dlr.status.parked import ParkedReceipts
from services.dlr.status.store import MessageStore
from services.dlr.status.tell import SOURCE
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.codec import read
from shared.contracts.events import OperatorReceipt
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState
from shared.errors import TryLater
from shared.ids import GATEWAY, MessageId
from shared.kafka.record import Record
from shared.privacy.keys import FileKeyStore, quarter_of
from shared.privacy.sealing import Sealed, Sealer
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.driving import NUMBER, PARTITIONS, Door, Role, events, fact, landed, message_ids, receipt
from tests.unit.dlr.building import ACCOUNT, START, at, operator_receipt, part_fact

FIRST, SECOND = message_ids(2)
OTHER = "+4790000002"


def submitted(message_id: MessageId, operator_id: str) -> Record:
    """The fact that the operator took a message and called it so."""
    return fact(msgspec.structs.replace(part_fact(FactKind.SUBMITTED, message_id=message_id), operator_id=operator_id))


def orphan(door: Door, operator_id: str, number: str = NUMBER, seconds: float = 5.0) -> Record:
    """A receipt as a sender that knows nothing writes it; it came from `number`."""
    event = operator_receipt(
        ReceiptState.DELIVERED, receipt_id="lost", message_id=None, operator_id=operator_id, seconds=seconds
    )
    source = door.sealer.seal(GATEWAY, "lost", "source", number, START)
    return receipt(msgspec.structs.replace(event, source=source))


def adopted(outbox: Outbox) -> list[OperatorReceipt]:
    """What was put back on `sms.receipts`."""
    found = [read(landed(output)) for output in outbox.sent if output.topic == topics.RECEIPTS]
    return [event for event in found if isinstance(event, OperatorReceipt)]


@pytest.mark.parametrize(
    ("answered", "received"),
    [("00AB12CD", "ab12cd"), ("AB12CD", "11211469"), ("11211469", "00AB12CD"), ("0011211469", "ab12cd")],
)
async def test_an_id_is_found_in_another_spelling(
    role: Role, door: Door, outbox: Outbox, answered: str, received: str
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, answered), orphan(door, received)])
    assert [event.message_id for event in adopted(outbox)] == [FIRST]


@pytest.mark.parametrize("received", ["AB12CD", "ab12cd"])
async def test_what_went_to_another_handset_is_never_meant(
    role: Role, door: Door, outbox: Outbox, received: str
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "AB12CD")])
    await role.handle([orphan(door, received, number=OTHER)])
    assert adopted(outbox) == []


@pytest.mark.parametrize("spelling", ["+47 900 00 001", "004790000001", "90000001", "+47-90-00-00-01"])
async def test_the_handset_is_the_same_however_the_request_spells_its_number(
    role: Role, door: Door, outbox: Outbox, spelling: str
) -> None:
    await role.handle([door.request(FIRST, number=spelling), submitted(FIRST, "AB12CD"), orphan(door, "11211469")])
    assert [event.message_id for event in adopted(outbox)] == [FIRST]


@pytest.mark.parametrize(
    ("number", "sender"),
    [(OTHER, OTHER), ("2077", "Acme"), ("Fjord", "Acme")],
    ids=["addresses the other way round", "no whole number", "a name"],
)
async def test_where_the_handset_cannot_be_told_the_id_must_be_the_same_to_the_letter(
    role: Role, door: Door, outbox: Outbox, number: str, sender: str
) -> None:
    await role.handle([door.request(FIRST, sender=sender), submitted(FIRST, "AB12CD")])
    await role.handle([orphan(door, "ab12cd", number=number)])
    assert adopted(outbox) == []
    await role.handle([orphan(door, "AB12CD", number=number)])
    assert [event.message_id for event in adopted(outbox)] == [FIRST]


async def test_a_late_receipt_for_an_id_that_was_used_again_goes_by_its_handset(
    role: Role, door: Door, outbox: Outbox
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    await role.handle([door.request(SECOND, requested_at=at(60), number=OTHER), submitted(SECOND, "77")])
    await role.handle([orphan(door, "77", seconds=120), orphan(door, "77", number=OTHER, seconds=121)])
    assert [event.message_id for event in adopted(outbox)] == [FIRST, SECOND]


async def test_an_early_receipt_for_an_id_that_was_used_before_waits_for_its_own_message(
    role: Role, door: Door, outbox: Outbox
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    await role.handle([orphan(door, "77", number=OTHER, seconds=61)])
    assert adopted(outbox) == []
    await role.handle([door.request(SECOND, requested_at=at(60), number=OTHER), submitted(SECOND, "77")])
    assert [event.message_id for event in adopted(outbox)] == [SECOND]


async def test_to_the_same_handset_the_latest_message_before_the_receipt_is_meant(
    role: Role, door: Door, outbox: Outbox, store: MessageStore
) -> None:
    for number, message_id in enumerate((FIRST, SECOND)):
        await role.handle([door.request(message_id, requested_at=at(60 * number)), submitted(message_id, "77")])
    await role.handle([orphan(door, "77", seconds=61)])
    await role.handle([receipt(event) for event in adopted(outbox)])
    known = await store.load([FIRST, SECOND])
    assert [known[one].state for one in (FIRST, SECOND)] == [State.SUBMITTED, State.DELIVERED]


async def test_a_receipt_that_comes_twice_by_two_links_is_told_once(
    role: Role, door: Door, outbox: Outbox, store: MessageStore
) -> None:
    """Each link makes a receipt id of its own."""
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    twice = [
        msgspec.structs.replace(
            operator_receipt(ReceiptState.DELIVERED, receipt_id=f"by {link}", message_id=None, operator_id="77"),
            link=link,
        )
        for link in ("fjord-2", "fjord-1", "fjord-2")
    ]
    await role.handle([receipt(event) for event in twice])
    await role.handle([receipt(event) for event in adopted(outbox)])
    final = [event for _, event in events(outbox.sent) if event.state is State.DELIVERED]
    assert len(final) == 1
    assert (await store.load([FIRST]))[FIRST].state is State.DELIVERED


async def test_an_id_that_was_used_again_means_the_message_before_the_receipt(
    role: Role, door: Door, outbox: Outbox
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    later = door.request(SECOND, requested_at=at(3600))
    await role.handle([later, submitted(SECOND, "77")])
    await role.handle([orphan(door, "77"), orphan(door, "77", seconds=3700)])
    assert [event.message_id for event in adopted(outbox)] == [FIRST, SECOND]


async def test_a_receipt_that_comes_before_the_fact_waits_for_it(
    role: Role, rival: Role, door: Door, outbox: Outbox, parked: ParkedReceipts
) -> None:
    early = orphan(door, "00AB12CD")
    assert await rival.handle([early]) == [early]
    assert outbox.sent == []
    assert rival.metric("budstikke_status_orphans_total", found="no") == 1
    await role.handle([door.request(FIRST)])
    assert adopted(outbox) == []
    await role.handle([submitted(FIRST, "11211469")])
    assert [(event.receipt_id, event.message_id) for event in adopted(outbox)] == [("lost", FIRST)]
    assert await parked.called(["fjord:ab12cd"]) == []


async def test_a_receipt_waits_for_a_request_that_comes_after_its_fact(role: Role, door: Door, outbox: Outbox) -> None:
    await role.handle([orphan(door, "77"), submitted(FIRST, "77")])
    assert adopted(outbox) == []
    await role.handle([door.request(FIRST)])
    assert [event.message_id for event in adopted(outbox)] == [FIRST]


async def test_a_crash_after_the_fact_was_written_loses_no_waiting_receipt(
    role: Role, door: Door, outbox: Outbox
) -> None:
    await role.handle([orphan(door, "77")])
    records = [door.request(FIRST), submitted(FIRST, "77")]
    outbox.broken = True
    with pytest.raises(TryLater):
        await role.handle(records)
    outbox.broken = False
    await role.handle(records)
    assert [event.message_id for event in adopted(outbox)] == [FIRST]


async def test_receipt_and_fact_at_the_same_time_find_each_other(
    role: Role, rival: Role, door: Door, outbox: Outbox
) -> None:
    ids = message_ids(20)
    await role.handle([door.request(message_id) for message_id in ids])
    for number, message_id in enumerate(ids):
        lost = receipt(
            operator_receipt(
                ReceiptState.DELIVERED, receipt_id=message_id, message_id=None, operator_id=str(number + 100)
            )
        )
        await asyncio.gather(role.handle([submitted(message_id, str(number + 100))]), rival.handle([lost]))
    assert {event.receipt_id for event in adopted(outbox)} == set(ids)


async def test_a_waiting_receipt_that_does_not_open_costs_the_fact_nothing(
    role: Role, door: Door, outbox: Outbox, store: MessageStore
) -> None:
    broken = operator_receipt(ReceiptState.DELIVERED, receipt_id="lost", message_id=None, operator_id="77")
    raw = door.sealer.seal(GATEWAY, "another", "raw", "text", START)
    await role.handle([receipt(msgspec.structs.replace(broken, raw=raw))])
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    assert adopted(outbox) == []
    assert (await store.load([FIRST]))[FIRST].state is State.SUBMITTED


async def test_a_receipt_for_an_account_without_keys_keeps_its_state_alone(
    role: Role, door: Door, store: MessageStore, keys: FileKeyStore
) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "77")])
    keys.destroy(ACCOUNT, quarter_of(START))
    late = operator_receipt(ReceiptState.DELIVERED, receipt_id="lost", message_id=None, operator_id="77")
    late = msgspec.structs.replace(late, raw=door.sealer.seal(GATEWAY, "lost", "raw", "text", START))
    adopter = Adopter(SOURCE, Sealer(keys, ManualClock(START)), PARTITIONS)
    (output,) = adopter.adopted(late, (await store.load([FIRST])).values())
    event = read(landed(output))
    assert isinstance(event, OperatorReceipt)
    assert (event.message_id, event.state, event.raw) == (FIRST, ReceiptState.DELIVERED, None)


@pytest.mark.parametrize("early", [False, True])
async def test_a_receipt_for_a_message_that_went_in_one_pdu_is_one_of_each_part(
    role: Role, door: Door, outbox: Outbox, store: MessageStore, early: bool
) -> None:
    """The operator has one id for all parts."""
    facts = [
        fact(
            msgspec.structs.replace(
                part_fact(FactKind.SUBMITTED, message_id=FIRST, part=part, parts=3), operator_id="77"
            )
        )
        for part in (1, 2, 3)
    ]
    if early:
        await role.handle([orphan(door, "77")])
    await role.handle([door.request(FIRST), *facts])
    if not early:
        await role.handle([orphan(door, "77")])

    told = adopted(outbox)
    assert [(event.message_id, event.part) for event in told] == [(FIRST, 1), (FIRST, 2), (FIRST, 3)]
    assert len({event.receipt_id for event in told}) == 3
    await role.handle([receipt(event) for event in told])
    assert (await store.load([FIRST]))[FIRST].state is State.DELIVERED
    assert {door.sealer.open(ACCOUNT, event.receipt_id, "source", event.source or Sealed(b"")) for event in told} == {
        NUMBER
    }


async def test_an_id_as_it_was_given_goes_before_another_spelling(role: Role, door: Door, outbox: Outbox) -> None:
    await role.handle([door.request(FIRST), submitted(FIRST, "119")])
    await role.handle([door.request(SECOND, requested_at=at(1)), submitted(SECOND, "77"), orphan(door, "119")])
    assert [event.message_id for event in adopted(outbox)] == [FIRST]
