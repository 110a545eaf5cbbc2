"""The nightly purges, the publication of every order, and what a legal hold does to those that are out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from typing import Final

from services.retention.hold import OLD, LegalHold
from services.retention.order import OrderState, drafted, purge
from services.retention.orders.accounts import Accounts, ended
from services.retention.policy import cut_off, purge_at_end
from services.retention.store import RetentionStore
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.privacy import Basis, LegalHoldChanged, OrderId, PrivacyOrdered
from shared.ids import GATEWAY, AccountId
from shared.kafka.record import Output
from shared.looking import Looking
from shared.money.periods import OSLO
from shared.telemetry.logs import get_log

_log = get_log()

SOURCE: Final = "/budstikke/retention/orders"
ACTOR: Final = "retention"
_LONGEST: Final = 2.0

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""


class Ordering(Looking):
    """A component. Any number of processes may run one: of two who order the same one does, and what is published
    twice has the same id twice.
    """

    def __init__(
        self,
        store: RetentionStore,
        accounts: Accounts,
        send: Send,
        clock: Clock,
        *,
        hour: int = 2,
        every: float = 0.5,
    ) -> None:
        """`hour` is the hour of the night in Norway from which purges are ordered. Looks `every` seconds while there is
        something to publish, and every 2 while there is nothing.
        """
        super().__init__("ordering", self._work, every=every, longest=_LONGEST, waits="privacy_not_ordered")
        self._store = store
        self._accounts = accounts
        self._send = send
        self._clock = clock
        self._hour = hour
        self._write = Writer(SOURCE).output
        self._ordered: date | None = None

    async def order_night(self) -> int:
        """Order what this night is due, once; how many orders are new. Raises `TryLater` without a database."""
        local = self._clock.now().astimezone(OSLO)
        night = local.date()
        if local.hour < self._hour or self._ordered == night:
            return 0
        made = 0
        for account, basis in self._due(night):
            made += await self._order(account, basis, night)
        self._ordered = night
        await self._store.tell_again()
        for hold in await self._store.holds():
            if self._clock.now() - hold.opened_at > OLD:
                _log.error("legal_hold_old", hold_id=hold.hold_id, opened_at=hold.opened_at.isoformat())
        _log.info("purges_ordered", night=night.isoformat(), count=made)
        return made

    async def publish(self) -> int:
        """Publish what is marked; how many orders. Raises `TryLater` without database or broker.

        What changes with a hold goes out before what is ordered behind it, for owners of data take both in turn: so
        orders are read before holds, and only those that were read then are published. A hold stays marked until it
        has had its effect on orders. What is finished is not sent again, if its mark outlived its event.
        """
        count = 0
        while True:
            orders, holds = await self._store.unpublished(), await self._store.untold_holds()
            if not orders and not holds:
                return count
            for hold in holds:
                await self._send([self._told(hold)])
                await self._regard(hold.account_id)
                await self._store.told(hold)
            if orders := await self._store.unpublished(orders):
                await self._send([self._output(order.event) for order in orders if order.event is not None])
                await self._store.published(orders)
                count += len(orders)

    async def _work(self) -> int:
        return await self.order_night() + await self.publish()

    def _due(self, night: date) -> Iterator[tuple[AccountId, Basis]]:
        yield GATEWAY, Basis.RETENTION
        for account in self._accounts.all():
            over = ended(account) and purge_at_end(account.changed_at, night) is not None
            yield account.account_id, Basis.END_OF_RELATION if over else Basis.RETENTION

    async def _order(self, account: AccountId, basis: Basis, night: date) -> bool:
        """The end of the relation shortens a period, and never lengthens it."""
        await self._regard(account)
        policy, held = await self._store.policy(account), await self._store.held(account)
        months = 0 if basis is Basis.END_OF_RELATION else policy.months
        event = purge(account, night, cut_off(night, months), held, self._clock.now(), basis=basis)
        return await self._store.add(drafted(event, ACTOR, held))

    async def _regard(self, account: AccountId) -> None:
        """Withhold what a hold covers by now, and order what none covers any more."""
        held = await self._store.held(account)
        states = (OrderState.OPEN, OrderState.PARTIAL, OrderState.WITHHELD)
        for order in await self._store.unfinished(account, *states):
            stopped, withheld = order.event is not None and held.stops(order.event), order.state is OrderState.WITHHELD
            if stopped and not withheld:
                await self._store.withhold(order)
            elif withheld and not stopped:
                await self._store.order_again(order, self._clock.now())

    def _told(self, hold: LegalHold) -> Output:
        closed = hold.closed_at is not None
        event = LegalHoldChanged(
            hold_id=OrderId(hold.hold_id),
            account_id=hold.account_id,
            opened_at=hold.opened_at,
            pseudonyms=hold.pseudonyms,
            closed_at=hold.closed_at,
        )
        return self._write(
            topics.PRIVACY_ORDERS,
            0,
            event,
            event_id=f"{hold.hold_id}:{'closed' if closed else 'opened'}",
            time=hold.closed_at or hold.opened_at,
            subject=hold.hold_id,
        )

    def _output(self, event: PrivacyOrdered) -> Output:
        return self._write(
            topics.PRIVACY_ORDERS,
            0,
            event,
            event_id=event.order_id,
            time=event.ordered_at,
            subject=event.order_id,
        )
