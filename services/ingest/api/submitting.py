"""`POST /v1/messages`: plain ASGI, because it is the hot path (FastAPI with pydantic costs 80 µs more a request)."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from services.ingest.accounts.keys import Scope
from services.ingest.accounts.view import AccountView
from services.ingest.api.accepting import CHUNK, Acceptance, Order
from services.ingest.api.authentication import authenticate, require_may_send
from services.ingest.api.bodies import Headers, headers_of, read_json
from services.ingest.api.drafting import draft
from services.ingest.api.messages import Fault, Message, Messages
from services.ingest.api.metrics import ApiMetrics
from services.ingest.api.problems import Code, FieldCode, Rejected
from services.ingest.api.recent import Recent
from services.ingest.api.verdicts import Verdict, answers, require_one, verdict
from shared.errors import FieldError

PATH: Final = "/v1/messages"

_encode: Final = msgspec.json.Encoder().encode
_DRY_RUN: Final = {b"": False, b"dry_run=true": True, b"dry_run=false": False}
_JSON: Final = (b"content-type", b"application/json")


class Submit:
    """Takes messages over. The order of effects: who, what, to whom; then the broker; then 202 and our own memory."""

    def __init__(self, view: AccountView, acceptance: Acceptance, recent: Recent, metrics: ApiMetrics) -> None:
        self._view = view
        self._acceptance = acceptance
        self._recent = recent
        self._metrics = metrics

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `Rejected` and `TryLater` before anything is answered."""
        headers = headers_of(scope)
        grant = await authenticate(self._view, scope, headers, Scope.SEND)
        dry_run = _options(scope["query_string"], headers)
        wanted = draft(await read_json(headers, receive), grant.account.default_sender)
        require_may_send(grant.account, wanted.lane, wanted.sender)
        verdicts = await _verdicts(wanted.recipients)
        require_one(verdicts, listed=wanted.listed)
        numbers = [number for number in verdicts if not isinstance(number, Fault)]
        if dry_run:
            messages = answers(wanted.recipients, verdicts, [None] * len(numbers), wanted.measure)
        else:
            client = scope["client"]
            ids = await self._acceptance(Order(wanted, grant, client[0] if client else None, numbers))
            messages = answers(wanted.recipients, verdicts, ids, wanted.measure)
            self._recent.add(grant.account.account_id, wanted, numbers, ids)
            self._metrics.lanes[wanted.lane].accepted(len(ids))
        await _respond(send, messages)


async def _respond(send: Send, messages: list[Message]) -> None:
    body = _encode(Messages(messages))
    await send(
        {
            "type": "http.response.start",
            "status": 202,
            "headers": [_JSON, (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _options(query: bytes, headers: Headers) -> bool:
    """Whether this is a dry run. What is not known is refused: a misspelt `dry_run` would send."""
    if b"idempotency-key" in headers:
        raise Rejected(
            Code.NOT_AVAILABLE,
            errors=(FieldError("", FieldCode.NOT_AVAILABLE, "the header Idempotency-Key is not available yet"),),
        )
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
