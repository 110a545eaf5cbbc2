"""The simulated Strex in the loop of a test, and a client that signs as its SDKs do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from shared.clock import SystemClock
from shared.http import HttpServer
from shared.strex.signatures import PrivateKey, sign
from shared.trust import trusted
from simulators.strex.api import api
from simulators.strex.authentication import Authentication
from simulators.strex.behaviour import Behaviour
from simulators.strex.callbacks import Callbacks
from simulators.strex.misbehaving import Misbehaving
from simulators.strex.strex import Strex

SERVER_KEY = "2023-11-01"
API_KEY = "an-api-key"
QUICK = Behaviour(settle_ms=10, late_ms=50, long_poll_ms=500, callback_retry_ms=10)


class Simulator:
    """A running one. `key` may sign, under the name `test`."""

    def __init__(self) -> None:
        clock, random = SystemClock(), Random(1)
        self.key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
        self.server_key = ec.generate_private_key(ec.SECP256R1())
        self.strex = Strex(QUICK, clock, random)
        self.authentication = Authentication(clock, frozenset({API_KEY}))
        self.authentication.keys["test"] = self.key.public_key()
        self.callbacks = Callbacks(lambda: self.strex.behaviour, self.server_key, SERVER_KEY, clock, random)
        self.strex.on_change = self.callbacks.tell
        app = api(self.strex, self.authentication, {SERVER_KEY: self.server_key.public_key()})
        self.faults = Misbehaving(app, lambda: self.strex.behaviour)
        self._http = HttpServer("strex", self.faults, "127.0.0.1", 0, setting="port")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}"

    def behave(self, **settings: Any) -> None:
        """Change some settings."""
        self.strex.behaviour = msgspec.structs.replace(self.strex.behaviour, **settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Simulator]:
        for part in (self.strex, self.callbacks, self._http):
            await part.start()
        try:
            yield self
        finally:
            for part in (self._http, self.callbacks, self.strex):
                await part.stop(1.0)


class Client:
    """Signs each call; `key_name` and `key` may be wrong."""

    def __init__(self, simulator: Simulator, key_name: str = "test", key: PrivateKey | None = None) -> None:
        self._key = key or simulator.key
        self._name = key_name
        self._http = httpx.AsyncClient(base_url=simulator.url, verify=trusted(), trust_env=False)

    def request(self, method: str, path: str, body: object = None, **signed: Any) -> httpx.Request:
        content = b"" if body is None else msgspec.json.encode(body)
        request = self._http.build_request(method, path, content=content)
        signature = sign(
            self._key,
            self._name,
            signed.get("signed_method", method),
            signed.get("signed_uri", str(request.url)),
            signed.get("signed_body", content),
            timestamp=int(SystemClock().now().timestamp()) + signed.get("off", 0),
            nonce=signed.get("nonce", str(uuid4())),
        )
        request.headers["authorization"] = signature.authorization()
        return request

    async def call(self, method: str, path: str, body: object = None, **signed: Any) -> httpx.Response:
        return await self._http.send(self.request(method, path, body, **signed))

    async def send(self, request: httpx.Request) -> httpx.Response:
        return await self._http.send(request)

    async def plain(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self._http.request(method, path, headers=headers)

    async def close(self) -> None:
        await self._http.aclose()


def transaction(transaction_id: str, **fields: Any) -> dict[str, Any]:
    """A body of `POST api/strex/transactions`, as in the guides."""
    return {
        "transactionId": transaction_id,
        "merchantId": "mer_test",
        "shortNumber": "0000",
        "recipient": "+4798079008",
        "price": 10,
        "timeout": 10,
        "businessModel": "STREX-PAYMENT",
        "serviceCode": "14002",
        "invoiceText": "Donation test",
        **fields,
    }


def one_time_password(transaction_id: str, **fields: Any) -> dict[str, Any]:
    """A body of `POST api/strex/one-time-passwords`."""
    return {
        "transactionId": transaction_id,
        "merchantId": "mer_target365_as",
        "recipient": "+4798079008",
        "sender": "Test",
        "messagePrefix": "prefix",
        "messageSuffix": "suffix",
        "recurring": False,
        **fields,
    }
