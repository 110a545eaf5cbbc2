"""Customers on real sockets, and a client to reach them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.dlr.webhooks.client.client import Client, ClientSettings
from services.dlr.webhooks.client.outcome import Outcome
from services.dlr.webhooks.client.resolving import LookUp, Resolver
from services.dlr.webhooks.client.targets import Target, parse_target
from shared.clock import SystemClock
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from simulators.customer.receiver import Receiver
from tests.integration.dlr.webhooks.driving import ShiftedClock, Telling

SHORT = ClientSettings(connect=0.4, response=0.3, total=0.6, drain=0.3, idle=0.3, per_origin=4)


class Caller:
    """A client whose outcomes can be awaited."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def post(self, target: Target, body: bytes = b"{}", headers: bytes = b"") -> Outcome:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.client.post(target, headers, body, ended.set_result)
        return await asyncio.wait_for(ended, 10)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop(5.0)


@pytest.fixture
def target(receiver: Receiver) -> Target:
    return parse_target(f"http://127.0.0.1:{receiver.port}/hook", private=True)


Build = Callable[..., Awaitable[Caller]]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Makes clients that are closed with the test."""
    async with AsyncExitStack() as at_the_end:

        async def make(
            settings: ClientSettings = SHORT, *, tls: ssl.SSLContext | None = None, look_up: LookUp | None = None
        ) -> Caller:
            clock = SystemClock()
            client = Client(Resolver(clock, private=True, look_up=look_up), clock, settings, tls=tls)
            await client.start()
            at_the_end.push_async_callback(client.stop, 1.0)
            return Caller(client)

        yield make


@pytest.fixture
async def caller(build: Build) -> Caller:
    return await build()


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def start(
    mongo: MongoStore, valkey: str, sealer: Sealer, clock: ShiftedClock
) -> AsyncIterator[Callable[..., Awaitable[Telling]]]:
    """Starts processes of the role that end with the test."""
    async with AsyncExitStack() as at_the_end:

        async def make(**options: Any) -> Telling:
            telling = Telling(mongo, valkey, sealer, clock, **options)
            await telling.start()
            at_the_end.push_async_callback(telling.stop)
            return telling

        yield make


@pytest.fixture
async def telling(start: Callable[..., Awaitable[Telling]]) -> Telling:
    return await start()
