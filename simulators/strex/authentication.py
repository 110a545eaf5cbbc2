"""Who calls: an API key, or a signed request whose nonce was not seen before."""

from __future__ import annotations

import hmac
from collections import deque

from starlette.requests import Request

from shared.clock import Clock
from shared.strex.signatures import MOST_DRIFT, BadSignature, PublicKey, parse_authorization, verify


class Authentication:
    """Knows keys by name, and the nonces of the last ten minutes."""

    def __init__(self, clock: Clock, api_keys: frozenset[str] = frozenset()) -> None:
        self.keys: dict[str, PublicKey] = {}
        self._api_keys = api_keys
        self._clock = clock
        self._nonces: set[tuple[str, str]] = set()
        self._order: deque[tuple[float, tuple[str, str]]] = deque()

    async def require(self, request: Request) -> None:
        """Raises `BadSignature` for a request that is nobody's."""
        given = request.headers.get("x-apikey")
        if given is not None:
            if not any(hmac.compare_digest(given.encode(), known.encode()) for known in self._api_keys):
                raise BadSignature("the API key is not known")
            return
        signature = parse_authorization(request.headers.get("authorization", ""))
        key = self.keys.get(signature.key_name)
        if key is None:
            raise BadSignature("the key is not known")
        now = self._clock.now().timestamp()
        verify(key, signature, request.method, absolute_uri(request), await request.body(), now=now)
        self._remember((signature.key_name, signature.nonce))

    def _remember(self, nonce: tuple[str, str]) -> None:
        now = self._clock.monotonic()
        while self._order and self._order[0][0] < now - 2 * MOST_DRIFT:
            self._nonces.discard(self._order.popleft()[1])
        if nonce in self._nonces:
            raise BadSignature("the nonce was used before")
        self._nonces.add(nonce)
        self._order.append((now, nonce))


def absolute_uri(request: Request) -> str:
    """The URI as it was sent, with its escapes."""
    scope = request.scope
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    return f"{scope['scheme']}://{request.headers.get('host', '')}{path}{'?' if query else ''}{query}"
