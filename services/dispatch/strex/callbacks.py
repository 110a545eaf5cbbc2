"""`POST /strex/reports`: Strex tells of a change. A call is a knock on the door: it makes us look, and is believed no
further. So it is of no matter how often it comes, in which order, or whether it comes at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.dispatch.strex.bodies import Report
from services.dispatch.strex.meaning import status_of
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.row import Row, RowId
from services.dispatch.strex.server_keys import ServerKeys
from services.dispatch.strex.store import PremiumStore
from shared.clock import Clock
from shared.contracts.premium import Billed, PremiumKind
from shared.errors import BadRecord, TryLater
from shared.http import problem
from shared.strex.signatures import CALLBACK_HEADER, BadSignature, parse, verify

PATH: Final = "/strex/reports"

_MOST_OCTETS: Final = 65_536
_BILLED: Final = {True: Billed.TRUE, False: Billed.FALSE, None: Billed.UNKNOWN}


class Callbacks:
    """Answers 200 once the row is due; that alone counts as an answer to Strex."""

    def __init__(
        self,
        *,
        url: str,
        store: PremiumStore,
        keys: ServerKeys,
        metrics: StrexMetrics,
        clock: Clock,
        on_due: Callable[[], None],
    ) -> None:
        """`url` is the whole URL that Strex calls, as it signs it."""
        self._url = url
        self._store = store
        self._keys = keys
        self._metrics = metrics
        self._clock = clock
        self._on_due = on_due

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[Route(PATH, self._take, methods=["POST"])],
            exception_handlers={
                BadSignature: self._forged,
                BadRecord: self._come_back,
                TryLater: self._come_back,
            },
        )

    async def _take(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_OCTETS:
                return problem(413, "body_too_large", "The body is too large")
        await self._require_signed(request.headers.get(CALLBACK_HEADER, ""), bytes(body))
        try:
            report = msgspec.json.decode(body, type=Report)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._metrics.callbacks.labels("unreadable").inc()
            return problem(400, "invalid_json", "The body cannot be read")
        row = await self._store.get(RowId(report.transaction_id))
        if row is None or _is_known(row, report):
            self._metrics.callbacks.labels("unknown" if row is None else "repeated").inc()
            return Response(status_code=200)
        await self._store.hurry(row.id, self._clock.now())
        self._metrics.callbacks.labels("news").inc()
        self._on_due()
        return Response(status_code=200)

    async def _require_signed(self, header: str, body: bytes) -> None:
        """Raises `BadSignature`, and `TryLater` when the key cannot be fetched."""
        signature = parse(header)
        key = await self._keys.get(signature.key_name)
        if key is None:
            raise BadSignature("the key is not known")
        verify(key, signature, "POST", self._url, body, now=self._clock.now().timestamp())

    async def _forged(self, _: Request, __: Exception) -> Response:
        self._metrics.callbacks.labels("forged").inc()
        return problem(401, "unauthorized", "The signature is not good")

    async def _come_back(self, _: Request, error: Exception) -> Response:
        code = error.code if isinstance(error, TryLater | BadRecord) else "unavailable"
        return problem(503, "unavailable", "Come back later", code)


def _is_known(row: Row, report: Report) -> bool:
    """Whether the report says what the row says already."""
    event = row.event
    if event.sequence == 0 or event.status is not status_of(report.status_code):
        return False
    same_detail = (event.detail or "").lower() == (report.detailed_status_code or "").lower()
    if event.kind is PremiumKind.REVERSAL:
        return same_detail
    return same_detail and event.billed is _BILLED[report.billed]
