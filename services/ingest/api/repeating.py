"""The header `Idempotency-Key` of a request that may be a repeat, and what its claim says in words of HTTP."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.types import Scope as Connection

from services.ingest.accounts.account import Grant
from services.ingest.api.limiting import Header
from services.ingest.api.problems import Code, FieldCode, Rejected
from services.ingest.idempotency.claims import Claim, Claims, KeyReused, Replay
from services.ingest.idempotency.key import IdempotencyKey, fingerprint, read_key
from shared.errors import FieldError, Refused

IDEMPOTENCY_KEY: Final = b"idempotency-key"
REPLAYED: Final[Header] = (b"idempotency-replayed", b"true")


def idempotency_key(scope: Connection) -> IdempotencyKey:
    """The key in the headers, which are there. Raises `Rejected` naming the header."""
    try:
        return read_key([value for name, value in scope["headers"] if name == IDEMPOTENCY_KEY])
    except Refused as refusal:
        error = FieldError("", FieldCode.INVALID_IDEMPOTENCY_KEY, f"the header Idempotency-Key: {refusal.detail}")
        raise Rejected(Code.INVALID_REQUEST, errors=(error,)) from None


class OfKey:
    """What the rows say of one request with a key. What the body asks for depends on `call`: the same body in another
    call is another request.
    """

    def __init__(self, claims: Claims, grant: Grant, key: IdempotencyKey, body: bytes, call: str = "") -> None:
        self.body = body
        self._call = call
        self._claims = claims
        self._account_id = grant.account.account_id
        self._key = key

    async def claim(self) -> Claim | Replay:
        """Claim the key. Raises `Rejected` (`idempotency_key_reused`), `TryLater`."""
        try:
            return await self._claims.claim(self._account_id, self._key, self._fingerprint())
        except KeyReused:
            raise Rejected(Code.IDEMPOTENCY_KEY_REUSED) from None

    async def answered(self) -> Replay | None:
        """The answer that this very request once got. Raises `TryLater`."""
        try:
            return await self._claims.answered(self._account_id, self._key, self._fingerprint())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _fingerprint(self) -> str:
        return self._call + fingerprint(self.body)
