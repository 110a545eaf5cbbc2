"""When a participant looks for orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from shared.clock import ManualClock
from shared.contracts.privacy import Basis, OrderId, OrderKind, PrivacyOrdered
from shared.ids import AccountId
from shared.kafka.record import Output, Received, Record
from shared.privacy.participant.participant import Participant
from shared.privacy.participant.work import Work, WorkStore
from tests.support import wait_until
from tests.unit.dispatch.building import START

ORDER = PrivacyOrdered(
    order_id=OrderId("order_1"),
    kind=OrderKind.PURGE,
    account_id=AccountId("acme"),
    basis=Basis.RETENTION,
    ordered_at=START,
    before=START,
)


class Idle(WorkStore):
    """Has nothing that is due, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def take(self, order: PrivacyOrdered, now: datetime) -> bool:
        return True

    async def claim(self, now: datetime) -> Work | None:
        self.asked += 1
        return None


async def _send(outputs: Sequence[Output]) -> None:
    raise AssertionError("nothing is to be answered")


async def test_an_order_that_comes_is_looked_for_at_once() -> None:
    work = Idle()
    participant = Participant("dlr", (), work, cast("Any", None), _send, ManualClock(START), pause=60.0)
    await participant.start()
    await wait_until(lambda: work.asked == 1)

    record = Record("privacy.orders", 0, 0, 0, None, None, ())
    await participant([Received(record, ORDER)], lambda _: None)

    await wait_until(lambda: work.asked == 2)
    await participant.stop(1.0)
