"""The role `inbound`: `sms.inbound` in; opt-outs, replies, premium orders and `dlr.inbound-events` out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from services.dlr.inbound.accounts import Accounts
from services.dlr.inbound.deciding import Decision, decide, is_stop, wanted
from services.dlr.inbound.joining import Joining
from services.dlr.inbound.keyword import Keyword, Number
from services.dlr.inbound.long_messages import LongMessages, Part
from services.dlr.inbound.message import SAME_DELIVERY, InboundMessage, OptOut, id_of
from services.dlr.inbound.metrics import InboundMetrics
from services.dlr.inbound.opened import Opened, opened
from services.dlr.inbound.outputs import Outputs
from services.dlr.inbound.people import mobile
from services.dlr.inbound.refusing import Refusing
from services.dlr.inbound.store import InboundStore
from shared.clock import Clock
from shared.contracts.codec import only
from shared.contracts.inbound import InboundAction, InboundId, MessageReceived, OptOutSource
from shared.ids import GATEWAY, AccountId
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Output, Received
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.telemetry.logs import get_log

_log = get_log()

Send: TypeAlias = Callable[[Sequence[Output]], Awaitable[None]]
"""Returns when all is acknowledged; raises `TryLater`."""

read_received = partial(only, MessageReceived)

_NOBODYS: Final = "nobodys"
_REPEAT: Final = "repeat"
_ERASED: Final = "erased"


class Inbound:
    """Order of effects: parts of long messages, opt-out, document, records, mark, offset.

    Idempotent by what the operator delivered: the document of a first delivery holds all that was decided, and every
    id that follows is derived from its own. A record that comes again, by a replay or because the operator delivered
    again within 24 hours, finds the document; until it is marked as told, the same records are written again, with
    the same ids. Afterwards nothing is. A part of a long message is finished once it is on record, and what became
    whole with it is told.
    """

    def __init__(
        self,
        *,
        store: InboundStore,
        send: Send,
        accounts: Accounts,
        refusing: Refusing,
        outputs: Outputs,
        long_messages: LongMessages,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        clock: Clock,
        metrics: InboundMetrics,
    ) -> None:
        self._store = store
        self._send = send
        self._accounts = accounts
        self._refusing = refusing
        self._outputs = outputs
        self._long = long_messages
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, batch: Sequence[Received[MessageReceived]], finish: Finish[MessageReceived]) -> None:
        """Handle a batch and finish all of it, or raise and finish none. Raises `TryLater`, `BadRecord`."""
        single: list[Opened] = []
        parts: list[Part] = []
        erased = 0
        for received in batch:
            event = received.event
            one = opened(event, received.record.partition, self._sealer)
            if one is None:
                erased += 1
            elif event.part_of is None:
                single.append(one)
            else:
                parts.append(Part(event, event.part_of, one))
        joinings = await self._long.take(parts)
        await self._hand_on([*single, *self._joined(joinings)])
        await self._long.told(joinings)
        self._count(_ERASED, erased)
        for received in batch:
            finish(received)

    async def give_up(self, joining: Joining) -> None:
        """Hand on what has come of a long message, as it is."""
        given = await self._long.give_up(joining)
        await self._hand_on(self._joined([given]))
        await self._long.told([given])

    def _joined(self, joinings: Sequence[Joining]) -> list[Opened]:
        """What of these is ready."""
        found = self._long.opened(joinings)
        left = [one for one in found if one is not None]
        self._count(_ERASED, len(found) - len(left))
        return left

    async def _hand_on(self, messages: Sequence[Opened]) -> None:
        """Make documents of messages, and tell what follows from those that nobody has told."""
        kept = await self._kept(messages)
        untold = {
            message.id: (message, one) for message, one in zip(kept, messages, strict=True) if not message.told_at
        }
        outputs = [output for message, one in untold.values() for output in self._outputs.of(message, one.partition)]
        if outputs:
            await self._send(outputs)
        if untold:
            await self._store.mark_told(untold.keys(), self._clock.now())
        self._count(_REPEAT, len(messages) - len(untold))
        self._count_told([message for message, _ in untold.values()])

    async def _kept(self, messages: Sequence[Opened]) -> list[InboundMessage]:
        """The document of each delivery, new or found, in their order."""
        if not messages:
            return []
        known = await self._known(messages)
        numbers = await self._store.numbers({one.to for one in messages})
        keywords = await self._keywords(messages, numbers)
        placed: list[InboundId] = []
        new: dict[InboundId, InboundMessage] = {}
        for one in messages:
            earlier = known.setdefault(one.delivered_as, [])
            found = next((each for each in earlier if one.at - SAME_DELIVERY < each.received_at <= one.at), None)
            if found is None:
                number = numbers.get(one.to)
                found = await self._message(one, await self._decide(one, number, keywords.get(one.to, {})))
                earlier.append(found)
                new[found.id] = found
            placed.append(found.id)
        all_ = {each.id: each for known_ones in known.values() for each in known_ones}
        all_ |= {message.id: message for message in await self._store.keep(list(new.values()))}
        return [all_[each] for each in placed]

    async def _known(self, messages: Sequence[Opened]) -> dict[InboundId, list[InboundMessage]]:
        since = min(one.at for one in messages) - SAME_DELIVERY
        known: dict[InboundId, list[InboundMessage]] = {}
        for message in await self._store.deliveries({one.delivered_as for one in messages}, since):
            known.setdefault(message.delivered_as, []).append(message)
        return known

    async def _keywords(
        self, messages: Sequence[Opened], numbers: Mapping[str, Number]
    ) -> dict[str, dict[str, Keyword]]:
        """The active keywords that the batch may mean, by number and words."""
        pairs = {(one.to, words) for one in messages if one.to in numbers for words in wanted(one.words)}
        found: dict[str, dict[str, Keyword]] = {}
        for keyword in await self._store.active(pairs) if pairs else ():
            found.setdefault(keyword.number, {})[keyword.keyword] = keyword
        return found

    async def _decide(self, one: Opened, number: Number | None, keywords: Mapping[str, Keyword]) -> Decision:
        tenants: tuple[AccountId, ...] = ()
        if number is not None and number.account_id is None and is_stop(one.words):
            tenants = await self._store.tenants(number.number)
        decision = decide(one.words, number, keywords, tenants)
        return msgspec.structs.replace(decision, action=self._allowed(one, decision))

    def _allowed(self, one: Opened, decision: Decision) -> InboundAction:
        """The action, or none: nobody can be answered at a name, and a stopped account answers nobody."""
        action, account = decision.action, decision.account_id
        if action is InboundAction.NONE or mobile(one.number) is None:
            return InboundAction.NONE
        if action is InboundAction.REPLY and account is not None and not self._accounts.may_answer(account):
            return InboundAction.NONE
        if action is InboundAction.PREMIUM_REPLY and account is not None and not self._accounts.may_charge(account):
            return InboundAction.NONE
        return action

    async def _message(self, one: Opened, decision: Decision) -> InboundMessage:
        """The document of a new message. Its opt-outs are on record already, under the name of this very message."""
        at, keyword = one.at, decision.keyword
        inbound_id = id_of(one.delivered_as, at)
        keeper = decision.account_id or GATEWAY
        opt_outs: list[OptOut] = []
        if decision.action is InboundAction.OPT_OUT:
            for stop in decision.stops:
                row, new = await self._refusing.add(
                    stop.account_id, stop.scope, one.number, at, OptOutSource.KEYWORD, inbound_id
                )
                opt_outs.append(OptOut(row.account_id, row.scope, row.pseudonym, new))
        replies = decision.action in {InboundAction.REPLY, InboundAction.PREMIUM_REPLY} and keyword is not None
        return InboundMessage(
            id=inbound_id,
            delivered_as=one.delivered_as,
            received_at=at,
            operator=one.operator,
            to=one.to,
            from_=self._sealer.seal(keeper, inbound_id, "from", one.number, at),
            content=self._sealer.seal(keeper, inbound_id, "content", one.content, at),
            coding=one.coding,
            pseudonym=self._pseudonyms.of(keeper, one.number, at),
            account_id=decision.account_id,
            parts=one.parts,
            missing=one.missing,
            action=decision.action,
            keyword=None if keyword is None else keyword.keyword,
            keyword_id=None if keyword is None else keyword.id,
            webhook=keyword is None or keyword.webhook,
            reply=self._sealer.seal(keeper, inbound_id, "reply", keyword.reply, at)
            if replies and keyword is not None and keyword.reply is not None
            else None,
            premium=keyword.premium if replies and keyword is not None else None,
            opt_outs=tuple(opt_outs),
        )

    def _count(self, outcome: str, number: int) -> None:
        if number:
            self._metrics.messages.labels(outcome).inc(number)

    def _count_told(self, told: Sequence[InboundMessage]) -> None:
        for message in told:
            nobodys = message.account_id is None and not message.opt_outs
            self._count(_NOBODYS if nobodys else message.action.value, 1)
            if nobodys:
                _log.warning("inbound_for_nobody", inbound_id=message.id, operator=message.operator)
            if message.parts > 1:
                self._metrics.long_messages.labels("incomplete" if message.missing else "whole").inc()
            if message.missing:
                _log.warning(
                    "inbound_incomplete", inbound_id=message.id, operator=message.operator, missing=len(message.missing)
                )
