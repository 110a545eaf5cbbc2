"""Keywords and opt-outs as their owner changes them: what the routes ask for, decided without HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.dlr.api.asking import invalid
from services.dlr.inbound.api.bodies import NewKeyword, NewOptOut, NewPremium
from services.dlr.inbound.api.problems import MOST_KEYWORDS
from services.dlr.inbound.keyword import Keyword, KeywordState, keyword_id
from services.dlr.inbound.refusing import Refusing
from services.dlr.inbound.store import InboundStore, OptOutRow
from services.dlr.inbound.words import keyword_of
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.contracts.premium import price_range
from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.kafka.record import Output
from shared.strex.agreements import Agreements
from shared.text.numbers import is_short_number, parse
from shared.text.segments import check
from shared.text.senders import parse_sender

SOURCE: Final = "/budstikke/dlr/api"

_MOST_PARTS: Final = 6
_MOST_UNITS: Final = _MOST_PARTS * 153
_SHORT: Final = "must be a short number: charged replies come from no other"

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""Returns when all is acknowledged; raises `TryLater`."""


class InboundManagement:
    """Every method speaks of one account's things: another's raise `Refused` (`not_found`), as unknown ones do.

    All raise `TryLater` without a database, and those that change opt-outs without a broker; a repeat then completes
    what was begun.
    """

    def __init__(
        self, store: InboundStore, refusing: Refusing, agreements: Agreements, send: Send, clock: Clock
    ) -> None:
        self._store = store
        self._refusing = refusing
        self._agreements = agreements
        self._send = send
        self._clock = clock
        self._write = Writer(SOURCE).output

    async def create_keyword(self, account: AccountId, body: NewKeyword, actor: str | None) -> Keyword:
        """A new keyword: at once on a number of the account, by order on a shared one (R-154).

        Raises `Refused`: `invalid_request`, `keyword_taken`, `too_many_keywords`.
        """
        words = keyword_of(body.keyword)
        if words is None:
            raise invalid(FieldError("/keyword", "invalid_keyword", "must be one to three words, not stop, or *"))
        _check_reply(body)
        number = (await self._store.numbers([body.number])).get(body.number)
        if number is None or number.account_id not in {None, account}:
            raise invalid(FieldError("/number", "unknown_number", "is none that you may have keywords on"))
        if number.account_id is None and words == keyword_of("*"):
            raise invalid(FieldError("/keyword", "invalid_keyword", "a shared number has no default"))
        if body.premium is not None and not self._agreements.cover(account, body.premium.terms(number.number)):
            raise invalid(FieldError("/premium", "not_agreed", "no agreement of yours covers it on this number"))
        if len(await self._store.keywords_of(account)) >= MOST_KEYWORDS:
            raise Refused("too_many_keywords", f"an account has at most {MOST_KEYWORDS} keywords")
        keyword = Keyword(
            id=keyword_id(number.number, words),
            account_id=account,
            number=number.number,
            keyword=words,
            state=KeywordState.ACTIVE if number.account_id == account else KeywordState.ORDERED,
            created_at=self._clock.now(),
            reply=body.reply,
            premium=None if body.premium is None else body.premium.kept(),
            webhook=body.webhook,
            created_by=actor,
        )
        if not await self._store.add_keyword(keyword):
            raise Refused("keyword_taken", "the number has this keyword already")
        return keyword

    async def remove_keyword(self, account: AccountId, keyword: str) -> None:
        """Delete; messages that came before are answered as was decided then."""
        if not await self._store.remove_keyword(account, keyword):
            raise Refused("not_found", "there is no such keyword")

    async def opt_out(self, account: AccountId, body: NewOptOut, actor: str | None) -> tuple[OptOutRow, bool]:
        """Whoever has this number gets nothing more; the row, and whether it is new. Nobody is told by message.

        Told to the others before it is answered, and again at each repeat. Raises `Refused` (`invalid_request`).
        """
        number, scope = _number(body.to), EVERY_SENDER if body.sender is None else _scope(body.sender)
        now = self._clock.now()
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        before = await self._refusing.find(account, scope, number)
        row = before
        if row is None:
            row, _ = await self._refusing.add(account, scope, number, at, OptOutSource.API, actor or "api")
        event = OptOutRequested(account_id=account, scope=scope, pseudonym=row.pseudonym, at=row.at, source=row.source)
        key = opt_out_key(account, scope, row.pseudonym)
        await self._send([self._write(topics.OPT_OUTS, 0, event, event_id=row.id, time=row.at, subject=key)])
        return row, before is None

    async def take_back(self, account: AccountId, opt_out: str) -> None:
        """The person has consented anew (R-96): a tombstone for the others, then the row goes."""
        row = await self._store.opt_out_of(account, opt_out)
        if row is None:
            raise Refused("not_found", "there is no such opt-out")
        key = opt_out_key(account, row.scope, row.pseudonym)
        await self._send([Output(topics.OPT_OUTS, 0, key.encode(), None)])
        await self._store.remove_opt_out(account, opt_out)


def _check_reply(body: NewKeyword) -> None:
    if body.reply is None:
        if body.premium is not None:
            raise invalid(FieldError("/reply", "missing_field", "a price needs a reply"))
        return
    if not body.reply.strip() or "\0" in body.reply:
        raise invalid(FieldError("/reply", "empty_text", "the text is empty, or holds U+0000"))
    if len(body.reply) > _MOST_UNITS:
        raise invalid(FieldError("/reply", "too_many_parts", f"at most {_MOST_PARTS} parts"))
    try:
        check(body.reply, allow_unicode=True, max_parts=_MOST_PARTS)
    except Refused as refusal:
        raise invalid(FieldError("/reply", refusal.code, refusal.detail)) from None
    if body.premium is not None:
        _check_premium(body.premium, body.number)


def _check_premium(premium: NewPremium, number: str) -> None:
    least, most = price_range(premium.service_code)
    if not least <= premium.price <= most:
        raise invalid(FieldError("/premium/price", "out_of_range", f"must be {least} to {most} øre for this service"))
    if not is_short_number(number):
        raise invalid(FieldError("/number", "not_a_short_number", _SHORT))


def _number(given: str) -> str:
    try:
        return parse(given, allow_m2m=True).number
    except Refused as refusal:
        raise invalid(FieldError("/to", refusal.code, refusal.detail)) from None


def _scope(given: str) -> str:
    try:
        return parse_sender(given).value.casefold()
    except Refused as refusal:
        raise invalid(FieldError("/from", refusal.code, refusal.detail)) from None
