"""What is heard of a message within a moment is handed on together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import cast

import pytest

from services.dlr.status.fold import Asked
from services.dlr.status.heard import Heard, Input, Orphan
from services.dlr.status.holding import Holding
from services.dlr.status.message import Report
from shared.clock import ManualClock
from shared.contracts.words import FactKind as F
from shared.contracts.words import ReceiptState
from shared.errors import TryLater
from shared.ids import MessageId
from shared.kafka.record import Received, Record
from shared.kafka.tenure import Finishing
from shared.lifecycle import Health
from tests.support import wait_until
from tests.unit.dlr.building import ACCOUNT, MESSAGE, START, asked, fact, operator_receipt, receipt

OTHER = MessageId(MESSAGE[:-1] + "f")
_offsets = count()


class Behind:
    """The handler behind: what it got, batch by batch. It asks for patience, or fails, as long as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Received[Input]]] = []
        self.error: Exception | None = None
        self.refused = 0

    async def __call__(self, batch: Sequence[Received[Input]], finish: Finishing[Input]) -> None:
        if self.error is not None:
            self.refused += 1
            raise self.error
        self.batches.append(list(batch))


class Assignment:
    """Stands in for the `Finishing` of one assignment."""

    def __init__(self) -> None:
        self.closing = False
        self.given_back: list[Received[Input]] = []

    def give_back(self, received: Received[Input]) -> None:
        self.given_back.append(received)


def assignment() -> Finishing[Input]:
    return cast("Finishing[Input]", Assignment())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def holding(behind: Behind, clock: ManualClock) -> AsyncIterator[Holding]:
    holding = Holding(behind, clock, most=100, careful=0)
    await holding.start()
    yield holding
    await holding.stop(1.0)


def heard(what: Asked | Report, message_id: MessageId = MESSAGE) -> Received[Input]:
    return received(Heard(message_id, ACCOUNT, 0, what))


def received(event: Input) -> Received[Input]:
    return Received(Record("t", 0, next(_offsets), 0, None, b"", ()), event)


async def looks(clock: ManualClock, behind: Behind, batches: int) -> None:
    """Let time pass until so many batches were handed on."""

    async def there() -> bool:
        clock.advance(0.06)
        return len(behind.batches) == batches

    await wait_until(there)


async def test_a_message_is_handed_on_whole_soon_after_it_has_ended(
    holding: Holding, behind: Behind, clock: ManualClock
) -> None:
    finish = assignment()
    life = [heard(asked()), heard(fact(F.QUEUED, part=0)), heard(receipt(ReceiptState.DELIVERED))]
    late = heard(fact(F.SUBMITTED))
    began = clock.monotonic()
    for one in (*life, late):
        await holding([one], finish)
    await wait_until(lambda: clock.advance(0.01) or bool(behind.batches))
    assert behind.batches == [[*life, late]]
    assert clock.monotonic() - began < 0.25


async def test_a_message_under_way_waits_for_a_moment(holding: Holding, behind: Behind, clock: ManualClock) -> None:
    finish, one, other = assignment(), heard(asked()), heard(asked(), OTHER)
    await holding([one], finish)
    clock.advance(0.2)
    await holding([other], finish)
    clock.advance(0.1)
    await wait_until(lambda: len(behind.batches) == 1)
    await looks(clock, behind, 2)
    assert behind.batches == [[one], [other]]


async def test_an_orphan_and_what_is_about_to_go_wait_for_nothing(
    holding: Holding, behind: Behind, clock: ManualClock
) -> None:
    finish, orphan, one = assignment(), received(Orphan(operator_receipt(ReceiptState.DELIVERED))), heard(asked())
    await holding([orphan], finish)
    await wait_until(lambda: behind.batches == [[orphan]])
    await holding([one], finish)
    cast("Assignment", finish).closing = True
    await wait_until(lambda: behind.batches == [[orphan], [one]])


async def test_what_cannot_be_handled_now_is_handed_on_again_before_what_came_later(
    holding: Holding, behind: Behind, clock: ManualClock
) -> None:
    finish, first, later = assignment(), heard(asked()), heard(fact(F.QUEUED, part=0))
    behind.error = TryLater("mongodb_unavailable", "on purpose")
    await holding([first], finish)
    clock.advance(1)
    await wait_until(lambda: behind.refused == 1)
    await holding([later], finish)
    behind.error = None
    await looks(clock, behind, 1)
    assert behind.batches == [[first, later]]


@pytest.mark.parametrize("refused", [0, 1], ids=["meanwhile", "before"])
async def test_what_cannot_be_handled_when_its_partitions_go_is_given_back_with_all_that_waits(
    holding: Holding, behind: Behind, clock: ManualClock, refused: int
) -> None:
    finish, due, orphan = assignment(), heard(asked()), received(Orphan(operator_receipt(ReceiptState.DELIVERED)))
    going, other = cast("Assignment", finish), heard(asked(), OTHER)
    behind.error = TryLater("mongodb_unavailable", "on purpose")
    await holding([due, orphan], finish)
    clock.advance(1)
    if refused:
        await wait_until(lambda: behind.refused == 1)
    await holding([other], finish)
    going.closing = True
    await wait_until(lambda: len(going.given_back) == 3)
    assert set(map(id, going.given_back)) == {id(due), id(orphan), id(other)}
    assert behind.refused == 1
    assert holding.health().ready
    assert not holding._waiting


async def test_the_probes_hear_what_is_waited_for(holding: Holding, behind: Behind, clock: ManualClock) -> None:
    finish, one = assignment(), heard(asked())
    assert holding.health() == Health(ready=True)
    behind.error = TryLater("mongodb_unavailable", "on purpose")
    await holding([one], finish)
    clock.advance(1)
    await wait_until(lambda: holding.health() == Health(ready=False, reason="mongodb_unavailable"))
    behind.error = None
    await looks(clock, behind, 1)
    assert holding.health() == Health(ready=True)


async def test_another_error_ends_it(holding: Holding, behind: Behind, clock: ManualClock) -> None:
    behind.error = ValueError("on purpose")
    await holding([heard(asked())], assignment())
    clock.advance(1)
    with pytest.raises(ValueError, match="on purpose"):
        await asyncio.wait_for(holding.wait(), 5)


async def test_after_an_assignment_records_are_handed_on_as_they_come_and_what_another_gave_is_forgotten(
    behind: Behind, clock: ManualClock
) -> None:
    holding = Holding(behind, clock, most=100, careful=2)
    finish, records = assignment(), [heard(asked()) for _ in range(4)]
    await holding(records[:1], finish)
    await holding(records[1:3], finish)
    assert behind.batches == [records[:1], records[1:3]]
    await holding(records[3:], finish)
    assert len(behind.batches) == 2
    behind.error = ValueError("the kit must see this")
    with pytest.raises(ValueError, match="the kit"):
        await holding(records, assignment())
    assert not holding._waiting
