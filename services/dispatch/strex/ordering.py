"""Carries orders out, each by one call.

Order of effects: the row, the call, what came of it in the row, the event, the offset. Whoever dies
- before the row: the order comes again, and nothing had happened;
- after the row, before or during or after the call: the order comes again and finds the row; nobody calls a second
  time, and the watcher finds out by looking;
- after the outcome: the watcher tells what was not told.

A reversal that Strex never took is asked for anew when it is ordered again: else money could never be given back.
An order that names another account's transaction is dropped: whatever it would leave behind would stand in the way of
whose transaction it is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from services.dispatch.strex import row as moves
from services.dispatch.strex.asking import Asking
from services.dispatch.strex.bodies import Opened, place_of, request_of
from services.dispatch.strex.client import Missing, NoAnswer, NotSent, StrexClient
from services.dispatch.strex.meaning import meaning
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.row import Row, RowId, Step, row_id
from services.dispatch.strex.rules import (
    Refusal,
    not_agreed,
    out_of_date,
    require_complete,
    without_consent,
)
from services.dispatch.strex.store import PremiumStore
from services.dispatch.strex.telling import Teller
from shared.clock import Clock
from shared.contracts.codec import only
from shared.contracts.premium import PremiumKind, PremiumOrdered
from shared.errors import TryLater
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received
from shared.privacy.pseudonyms import Pseudonyms, year_of
from shared.privacy.sealing import Erased, Sealer
from shared.strex.agreements import Agreements
from shared.telemetry.logs import get_log

_log = get_log()

read_order: Final = partial(only, PremiumOrdered)


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for what."""

    answer: timedelta
    """After this nobody waits for the answer to a call any more."""
    gone: timedelta
    """So long after a call, what Strex does not know of will not come any more."""
    order: timedelta
    """An order older than this is not carried out."""


class Ordering:
    """Handler of `premium.orders`. Orders of one transaction are handled in their order, others side by side."""

    def __init__(
        self,
        *,
        store: PremiumStore,
        client: StrexClient,
        teller: Teller,
        asking: Asking,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        metrics: StrexMetrics,
        clock: Clock,
        patience: Patience,
        owner: str,
        report_url: str | None,
        agreements: Agreements,
        at_once: int,
        on_taken: Callable[[], None],
    ) -> None:
        """`owner` is unlike that of any other process, or other life of this one."""
        self._store = store
        self._client = client
        self._teller = teller
        self._asking = asking
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._clock = clock
        self._patience = patience
        self._owner = owner
        self._report_url = report_url
        self._agreements = agreements
        self._room = asyncio.Semaphore(at_once)
        self._on_taken = on_taken
        self._unsure: set[RowId] = set()
        """Rows that this process may have written, without having called."""

    async def __call__(self, batch: Sequence[Received[PremiumOrdered]], finish: Finish[PremiumOrdered]) -> None:
        """Raises `TryLater` when Strex or a store does not answer; `BadRecord` for an order that cannot be."""
        groups: dict[str, list[Received[PremiumOrdered]]] = defaultdict(list)
        for received in batch:
            groups[received.event.transaction_id.lstrip("-")].append(received)
        results = await asyncio.gather(
            *(self._in_order(group, finish) for group in groups.values()), return_exceptions=True
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            # All that waits can wait; what else went wrong is to be known first.
            raise min(errors, key=lambda error: isinstance(error, TryLater))

    async def _in_order(self, group: Sequence[Received[PremiumOrdered]], finish: Finish[PremiumOrdered]) -> None:
        for received in group:
            async with self._room:
                await self._carry_out(received.event)
            finish(received)

    async def _carry_out(self, order: PremiumOrdered) -> None:
        require_complete(order)
        if await self._store.is_of_another(order.transaction_id, order.account_id):
            self._metrics.orders.labels(order.kind, "foreign").inc()
            _log.warning("premium_order_foreign", transaction_id=order.transaction_id, account_id=order.account_id)
            return
        opened = self._open(order)
        refusal = Refusal.ERASED if opened is None else await self._refusal(order, opened)
        if opened is None or refusal is not None:
            await self._refuse(order, refusal or Refusal.ERASED)
            return
        row = await self._right_to_ask(order)
        if row is None:
            self._metrics.orders.labels(order.kind, "repeated").inc()
            return
        answer = await self._asking(row, request_of(order, opened, self._report_url))
        if isinstance(answer, NotSent):
            raise TryLater(answer.code, "Strex took nothing; the order waits")
        self._on_taken()

    async def _refusal(self, order: PremiumOrdered, opened: Opened) -> Refusal | None:
        """Why Strex is not asked."""
        refusal = out_of_date(order, self._clock.now(), self._patience.order) or not_agreed(order, self._agreements)
        if refusal is not None or order.one_time_password is None:
            return refusal
        password = await self._store.get(row_id(PremiumKind.ONE_TIME_PASSWORD, order.transaction_id))
        return without_consent(order, password, self._pseudonym_then(order, opened, password))

    def _pseudonym_then(self, order: PremiumOrdered, opened: Opened, password: Row | None) -> str | None:
        """The pseudonym that the order's number had when the code was asked for: it may have been the year before."""
        then = None if password is None else password.event.pseudonym
        if then is None or order.pseudonym is None or year_of(then) == year_of(order.pseudonym):
            return order.pseudonym
        return self._pseudonyms.in_year(order.account_id, opened.to, year_of(then))

    async def _refuse(self, order: PremiumOrdered, refusal: Refusal) -> None:
        """Have it on record that it was not asked for; what stands already is left to itself, unless it never began."""
        row = moves.refused(self._draft(order), refusal, self._now())
        if not await self._store.insert(row):
            standing = await self._store.get(row.id)
            if standing is None or standing.step is not Step.ORDERED:
                return
            row = moves.refused(standing, refusal, self._now())
            if not await self._store.move(standing, row):
                return
        self._metrics.orders.labels(order.kind, "refused").inc()
        await self._teller.tell([row])

    async def _right_to_ask(self, order: PremiumOrdered) -> Row | None:
        """The row that says that we ask, and nobody else; None when somebody asked, or asks, already."""
        row = self._draft(order)
        try:
            inserted = await self._store.insert(row)
        except TryLater:
            self._unsure.add(row.id)
            raise
        if inserted:
            self._unsure.discard(row.id)
            return row
        standing = await self._store.get(row.id)
        if standing is None:
            raise TryLater("mongodb_unsettled", "a row that stands cannot be read yet")
        if standing.step is Step.ASKING and standing.owner == self._owner and standing.id in self._unsure:
            self._unsure.discard(standing.id)
            return standing
        self._unsure.discard(standing.id)
        if moves.is_given_up(standing):
            return await self._right_to_ask_anew(order, standing)
        if standing.step is not Step.ORDERED:
            return None
        return await self._claim(standing, moves.asking(standing, self._now(), self._owner, self._patience.answer))

    async def _right_to_ask_anew(self, order: PremiumOrdered, standing: Row) -> Row | None:
        """The same for a reversal that was given up, once a look says that Strex still has none."""
        match await self._client.look(place_of(order.kind, order.transaction_id)):
            case NoAnswer():
                raise TryLater("strex_unreachable", "whether it was given back is not known; the order waits")
            case Missing():
                now, wait = self._now(), self._patience.answer
                return await self._claim(
                    standing, moves.asking_anew(standing, order.ordered_at, now, self._owner, wait)
                )
            case seen:
                after = moves.found(standing, meaning(seen, order.kind), self._now())
                if await self._store.move(standing, after):
                    await self._teller.tell([after])
                return None

    async def _claim(self, standing: Row, row: Row) -> Row | None:
        """The row that we make of a standing one, if nobody was first."""
        try:
            claimed = await self._store.move(standing, row)
        except TryLater:
            self._unsure.add(row.id)
            raise
        return row if claimed else None

    def _draft(self, order: PremiumOrdered) -> Row:
        return moves.drafted(order, self._now(), self._owner, self._patience.answer)

    def _now(self) -> datetime:
        return moves.milliseconds(self._clock.now())

    def _open(self, order: PremiumOrdered) -> Opened | None:
        """What was sealed, or None when a part of it was erased."""
        account, subject, sealed = order.account_id, order.transaction_id, {}
        for name in ("to", "content", "one_time_password"):
            value = getattr(order, name)
            if value is None:
                continue
            opened = self._sealer.open(account, subject, name, value)
            if isinstance(opened, Erased):
                return None
            sealed[name] = opened
        return Opened(sealed.get("to", ""), sealed.get("content"), sealed.get("one_time_password"))
