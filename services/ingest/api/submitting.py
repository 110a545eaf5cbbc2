"""`POST /v1/messages`: plain ASGI, because it is the hot path (FastAPI with pydantic costs 80 µs more a request)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from services.ingest.accounts.account import Account, Grant
from services.ingest.accounts.keys import Scope
from services.ingest.accounts.view import AccountView
from services.ingest.api.accepting import CHUNK, Acceptance, Order
from services.ingest.api.authentication import authenticate, require_may_send
from services.ingest.api.bodies import headers_of, read_json
from services.ingest.api.drafting import Draft, draft
from services.ingest.api.limiting import Header, limit_headers, require_within_limits
from services.ingest.api.messages import Fault, Messages
from services.ingest.api.metrics import ApiMetrics
from services.ingest.api.problems import Code, FieldCode, Rejected
from services.ingest.api.recent import Recent
from services.ingest.api.repeating import IDEMPOTENCY_KEY, REPLAYED, OfKey, idempotency_key
from services.ingest.api.verdicts import Verdict, answers, require_one, unless_opted_out, verdict
from services.ingest.idempotency.claims import Claim, Claims, Replay
from services.ingest.limits.limiter import Limiter, Standing
from shared.errors import FieldError
from shared.ids import MessageId
from shared.privacy.opt_outs import OptOuts
from shared.text.numbers import Number

PATH: Final = "/v1/messages"
ACCEPTED: Final = 202

_encode: Final = msgspec.json.Encoder().encode
_DRY_RUN: Final = {b"": False, b"dry_run=true": True, b"dry_run=false": False}
_JSON: Final = (b"content-type", b"application/json")


class Checked(msgspec.Struct, frozen=True):
    """A request that is right, and a verdict on each of its recipients, at least one of which is good."""

    draft: Draft
    verdicts: Sequence[Verdict]

    @property
    def places(self) -> Sequence[int]:
        """Which recipients are good."""
        return [place for place, verdict in enumerate(self.verdicts) if not isinstance(verdict, Fault)]

    @property
    def numbers(self) -> Sequence[Number]:
        """The good ones."""
        return [verdict for verdict in self.verdicts if not isinstance(verdict, Fault)]

    def answer(self, ids: Iterable[MessageId | None]) -> bytes:
        """The body of the answer, with an id for each good recipient."""
        return _encode(Messages(answers(self.draft.recipients, self.verdicts, ids, self.draft.measure)))


class Submit:
    """Takes messages over. The order of effects: who, what, to whom; the account's limits; the idempotency key's row;
    the broker; the row's answer; then 202 and our own memory.
    """

    def __init__(
        self,
        view: AccountView,
        limiter: Limiter,
        claims: Claims,
        acceptance: Acceptance,
        recent: Recent,
        opt_outs: OptOuts,
        metrics: ApiMetrics,
    ) -> None:
        self._view = view
        self._limiter = limiter
        self._claims = claims
        self._acceptance = acceptance
        self._recent = recent
        self._opt_outs = opt_outs
        self._metrics = metrics

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `Rejected` and `TryLater` before anything is answered."""
        headers = headers_of(scope)
        grant = await authenticate(self._view, scope, headers, Scope.SEND)
        dry_run = _is_dry_run(scope["query_string"])
        key = idempotency_key(scope) if IDEMPOTENCY_KEY in headers else None
        octets = await read_json(headers, receive)
        if key is not None and not dry_run:
            return await self._repeatable(scope, send, grant, OfKey(self._claims, grant, key, octets))
        checked = await self._check(octets, grant.account)
        if dry_run:
            return await _respond(send, checked.answer([None] * len(checked.verdicts)))
        standing = await self._limit(checked, grant)
        return await _respond(send, await self._accept(checked, grant, scope), *limit_headers(standing))

    async def _repeatable(self, scope: Connection, send: Send, grant: Grant, repeat: OfKey) -> None:
        """Answer a request with an idempotency key."""
        try:
            checked = await self._check(repeat.body, grant.account)
        except Rejected:
            # What is wrong today may have been right when it was answered.
            replay = await repeat.answered()
            if replay is None:
                raise
            return await _respond(send, replay.body, REPLAYED)
        standing = await self._limit(checked, grant)
        claim = await repeat.claim()
        if isinstance(claim, Replay):
            return await _respond(send, claim.body, REPLAYED, *limit_headers(standing))
        body = await self._accept(checked, grant, scope, claim)
        self._claims.answer(claim, body)
        return await _respond(send, body, *limit_headers(standing))

    async def _check(self, octets: bytes, account: Account) -> Checked:
        """Raises `Rejected` when the request as a whole is wrong, or all its recipients are."""
        wanted = draft(octets, account.default_sender)
        require_may_send(account, wanted.lane, wanted.sender)
        parsed = await _verdicts(wanted.recipients)
        verdicts = unless_opted_out(parsed, self._opt_outs, account.account_id, wanted.sender)
        require_one(verdicts, listed=wanted.listed)
        return Checked(wanted, verdicts)

    async def _limit(self, checked: Checked, grant: Grant) -> Standing:
        """Count what the request asks for. Raises `Rejected` (`rate_limited`): then nothing of it was counted."""
        messages = len(checked.numbers)
        standing = await self._limiter.take(grant.account, messages, messages * checked.draft.measure.parts)
        require_within_limits(standing)
        return standing

    async def _accept(self, checked: Checked, grant: Grant, scope: Connection, claim: Claim | None = None) -> bytes:
        """The answer, once the broker has everything."""
        client = scope["client"]
        numbers = checked.numbers
        places = () if claim is None else checked.places
        ids = await self._acceptance(Order(checked.draft, grant, client[0] if client else None, numbers, places, claim))
        self._recent.add(grant.account.account_id, checked.draft, numbers, ids)
        self._metrics.lanes[checked.draft.lane].accepted(len(ids))
        return checked.answer(ids)


async def _respond(send: Send, body: bytes, *headers: Header) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": ACCEPTED,
            "headers": [_JSON, (b"content-length", str(len(body)).encode()), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _is_dry_run(query: bytes) -> bool:
    """Whether nothing is to be sent. What is not known is refused: a misspelt `dry_run` would send."""
    dry_run = _DRY_RUN.get(query)
    if dry_run is None:
        raise Rejected(
            Code.INVALID_REQUEST,
            errors=(FieldError("", FieldCode.UNKNOWN_FIELD, "the query may be dry_run=true or dry_run=false only"),),
        )
    return dry_run


async def _verdicts(recipients: list[str]) -> list[Verdict]:
    """A verdict on each, letting other requests pass between chunks."""
    if len(recipients) <= CHUNK:
        return [verdict(raw) for raw in recipients]
    verdicts: list[Verdict] = []
    for start in range(0, len(recipients), CHUNK):
        verdicts += [verdict(raw) for raw in recipients[start : start + CHUNK]]
        await asyncio.sleep(0)
    return verdicts
