"""The client against customers who keep the rules of HTTP, and against those who do not."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from services.dlr.webhooks.client.client import ClientSettings
from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.client.targets import Target, parse_target
from shared.clock import ManualClock
from simulators.customer.behaviour import Behaviour, Manner
from simulators.customer.receiver import Receiver
from tests.integration.dlr.webhooks.certificates import Authority
from tests.integration.dlr.webhooks.conftest import SHORT, Build, Caller
from tests.support import wait_until
from tests.unit.dlr.building import START


async def test_a_request_arrives_whole(caller: Caller, receiver: Receiver, target: Target) -> None:
    outcome = await caller.post(target, b'{"a":1}', b"webhook-id: x\r\n")
    assert (outcome.status, outcome.failure, outcome.ok) == (200, None, True)
    (delivery,) = receiver.deliveries
    assert (delivery.path, delivery.body) == ("/hook", b'{"a":1}')
    assert delivery.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Budstikke",
        "content-type": "application/json",
        "webhook-id": "x",
        "content-length": "7",
    }


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(),
        Behaviour(chunked=True, body_octets=5000),
        Behaviour(status=204),
        Behaviour(body_octets=0),
        Behaviour(body_octets=60_000),
        Behaviour(manner=Manner.EARLY_HINTS),
        Behaviour(status=503, retry_after="7"),
        Behaviour(status=307, location="http://127.0.0.1:1/"),
    ],
)
async def test_one_connection_serves_many_requests(
    caller: Caller, receiver: Receiver, target: Target, behaviour: Behaviour
) -> None:
    receiver.behaviour = behaviour
    for _ in range(5):
        outcome = await caller.post(target)
        assert (outcome.status, outcome.retry_after) == (behaviour.status, behaviour.retry_after)
        await wait_until(lambda: not caller.client.busy)
    assert (receiver.count, receiver.connections) == (5, 1)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(close=True),
        Behaviour(close=True, chunked=True),
        Behaviour(manner=Manner.HTTP_1_0),
        Behaviour(manner=Manner.TWICE),
        Behaviour(body_octets=200_000),
        Behaviour(manner=Manner.SLOW_BODY, delay_ms=200),
        Behaviour(manner=Manner.ENDLESS),
    ],
)
async def test_a_good_answer_counts_even_if_it_costs_the_connection(
    caller: Caller, receiver: Receiver, target: Target, behaviour: Behaviour
) -> None:
    receiver.behaviour = behaviour
    for number in range(1, 3):
        assert (await caller.post(target)).ok
        await wait_until(lambda: caller.client.open == 0)
        assert (receiver.count, receiver.connections) == (number, number)


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (Behaviour(manner=Manner.HANG), Failure.TIMEOUT),
        (Behaviour(manner=Manner.SLOW_HEAD, delay_ms=20), Failure.TIMEOUT),
        (Behaviour(manner=Manner.CLOSE), Failure.CLOSED),
        (Behaviour(manner=Manner.RESET), Failure.CLOSED),
        (Behaviour(manner=Manner.GARBAGE), Failure.BAD_RESPONSE),
        (Behaviour(manner=Manner.ENDLESS_HEAD), Failure.BAD_RESPONSE),
    ],
)
async def test_what_is_no_answer_is_a_failure(
    caller: Caller, receiver: Receiver, target: Target, behaviour: Behaviour, failure: Failure
) -> None:
    receiver.behaviour = behaviour
    outcome = await caller.post(target)
    assert (outcome.status, outcome.failure, outcome.ok) == (0, failure, False)
    await wait_until(lambda: caller.client.open == 0)
    assert receiver.count == 1


async def test_a_switch_of_protocols_is_no_answer(caller: Caller, receiver: Receiver, target: Target) -> None:
    receiver.behaviour = Behaviour(manner=Manner.UPGRADE)
    assert (await caller.post(target)).failure is Failure.BAD_RESPONSE


async def test_a_connection_that_the_peer_closed_meanwhile_is_replaced(
    caller: Caller, receiver: Receiver, target: Target
) -> None:
    assert (await caller.post(target)).ok
    for peer in list(receiver.open):
        peer.drop()
    assert (await caller.post(target)).ok


async def test_a_request_is_sent_again_once_when_its_old_connection_was_closing(
    caller: Caller, receiver: Receiver, target: Target
) -> None:
    assert (await caller.post(target)).ok
    receiver.behaviour = Behaviour(manner=Manner.RESET, times=1)
    assert (await caller.post(target)).ok
    assert receiver.count == 3
    receiver.behaviour = Behaviour(manner=Manner.RESET)
    assert (await caller.post(target)).failure is Failure.CLOSED
    assert receiver.count == 5


async def test_octets_that_nobody_asked_for_end_an_idle_connection(caller: Caller, receiver: Receiver) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await told.wait()
        writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    told = asyncio.Event()
    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await caller.post(parse_target(f"http://127.0.0.1:{port}/", private=True), b"")).ok
        assert caller.client.open == 1
        told.set()
        await wait_until(lambda: caller.client.open == 0)


async def test_idle_connections_are_closed_in_time(caller: Caller, receiver: Receiver, target: Target) -> None:
    assert (await caller.post(target)).ok
    assert caller.client.open == 1
    await wait_until(lambda: caller.client.open == 0 and not receiver.open)


async def test_one_origin_has_only_so_many_connections(caller: Caller, receiver: Receiver, target: Target) -> None:
    receiver.behaviour = Behaviour(delay_ms=20)
    outcomes = await asyncio.gather(*(caller.post(target) for _ in range(20)))
    assert all(outcome.ok for outcome in outcomes)
    assert receiver.connections == SHORT.per_origin


async def test_who_waits_too_long_for_a_connection_was_never_sent(
    caller: Caller, receiver: Receiver, target: Target
) -> None:
    receiver.behaviour = Behaviour(manner=Manner.HANG)
    outcomes = await asyncio.gather(*(caller.post(target) for _ in range(SHORT.per_origin * 4)))
    failures = [outcome.failure for outcome in outcomes]
    assert set(failures) <= {Failure.TIMEOUT, Failure.BUSY}
    assert Failure.BUSY in failures
    assert receiver.count == failures.count(Failure.TIMEOUT)


async def test_a_full_queue_refuses_at_once(build: Build, receiver: Receiver, target: Target) -> None:
    caller = await build(msgspec.structs.replace(SHORT, per_origin=1, waiting=1))
    receiver.behaviour = Behaviour(manner=Manner.HANG)
    first = asyncio.create_task(caller.post(target))
    await wait_until(lambda: receiver.count == 1)
    second = asyncio.create_task(caller.post(target))
    await asyncio.sleep(0)
    assert (await caller.post(target)).failure is Failure.BUSY
    await asyncio.gather(first, second)


async def test_the_limit_of_all_connections_is_shared_by_closing_what_is_idle(
    build: Build, receiver: Receiver, target: Target
) -> None:
    caller = await build(ClientSettings(connections=2, per_origin=2))
    others = [Receiver() for _ in range(4)]
    for other in others:
        await other.start()
    try:
        for other in [receiver, *others, receiver]:
            reached = parse_target(f"http://127.0.0.1:{other.port}/", private=True)
            assert (await caller.post(reached)).ok
            await wait_until(lambda: not caller.client.busy)
            assert caller.client.open <= 2
    finally:
        for other in others:
            await other.stop(5.0)


async def test_who_waits_for_the_last_connection_gets_it(build: Build, receiver: Receiver, target: Target) -> None:
    caller = await build(ClientSettings(connections=1))
    other = Receiver()
    await other.start()
    receiver.behaviour = Behaviour(delay_ms=50)
    try:
        reached = parse_target(f"http://127.0.0.1:{other.port}/", private=True)
        outcomes = await asyncio.gather(caller.post(target), caller.post(reached), caller.post(target))
        assert all(outcome.ok for outcome in outcomes)
    finally:
        await other.stop(5.0)


async def test_nobody_listens(caller: Caller) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        target = parse_target(f"http://127.0.0.1:{closed.getsockname()[1]}/", private=True)
        assert (await caller.post(target)).failure is Failure.CONNECT_FAILED
    await wait_until(lambda: caller.client.open == 0)


async def test_a_peer_that_never_completes_the_handshake(build: Build, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        caller = await build(tls=Authority(tmp_path).client())
        target = parse_target(f"https://127.0.0.1:{silent.getsockname()[1]}/", private=True)
        assert (await caller.post(target)).failure is Failure.CONNECT_TIMEOUT


async def test_names_are_looked_up_once_and_the_answer_is_pinned(build: Build, receiver: Receiver) -> None:
    asked = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    caller = await build(msgspec.structs.replace(SHORT, connect=2.0), look_up=look_up)
    target = parse_target(f"http://customer.example:{receiver.port}/", private=True)
    outcomes = await asyncio.gather(*(caller.post(target) for _ in range(8)))
    assert all(outcome.ok for outcome in outcomes)
    assert asked == ["customer.example"]
    assert {delivery.headers["host"] for delivery in receiver.deliveries} == {f"customer.example:{receiver.port}"}


@pytest.mark.parametrize(
    ("addresses", "failure"),
    [
        ([], Failure.UNRESOLVED),
        (["169.254.169.254"], Failure.ADDRESS_REFUSED),
        (["127.0.0.1", "169.254.169.254"], Failure.ADDRESS_REFUSED),
    ],
)
async def test_one_forbidden_address_refuses_the_name(
    build: Build, receiver: Receiver, addresses: list[str], failure: Failure
) -> None:
    caller = await build(look_up=lambda host, port: addresses)
    target = parse_target(f"http://customer.example:{receiver.port}/", private=True)
    assert (await caller.post(target)).failure is failure
    assert receiver.connections == 0


async def test_the_next_address_is_tried(build: Build, receiver: Receiver) -> None:
    caller = await build(look_up=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    target = parse_target(f"http://customer.example:{receiver.port}/", private=True)
    assert (await caller.post(target)).ok


async def test_a_name_server_that_never_answers_is_a_failure_in_time(build: Build) -> None:
    answered = threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        answered.wait(30)
        return []

    caller = await build(look_up=look_up)
    try:
        outcome = await caller.post(parse_target("http://slow.example/", private=True))
        assert outcome.failure is Failure.UNRESOLVED
    finally:
        answered.set()


async def test_a_known_name_does_not_wait_for_a_slow_name_server() -> None:
    clock = ManualClock(START)
    slow = threading.Event()
    asked = 0

    def look_up(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        if asked > 1:
            slow.wait(30)
        return ["127.0.0.1"]

    resolver = Resolver(clock, private=True, look_up=look_up)
    try:
        assert (await resolver.resolve("a.example", 80)).addresses == ("127.0.0.1",)
        clock.advance(60)
        assert (await resolver.resolve("a.example", 80)).addresses == ("127.0.0.1",)
        await wait_until(lambda: asked == 2)
    finally:
        slow.set()
        resolver.close()


async def test_tls_proves_the_name_though_the_address_is_pinned(build: Build, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    receiver = Receiver(tls=authority.server("customer.example"))
    await receiver.start()
    try:
        caller = await build(ClientSettings(), tls=authority.client(), look_up=lambda host, port: ["127.0.0.1"])
        good = parse_target(f"https://customer.example:{receiver.port}/", private=True)
        for _ in range(3):
            assert (await caller.post(good)).ok
            await wait_until(lambda: not caller.client.busy)
        assert receiver.connections == 1
        other = parse_target(f"https://other.example:{receiver.port}/", private=True)
        assert (await caller.post(other)).failure is Failure.TLS_FAILED
        stranger = await build(ClientSettings(), look_up=lambda host, port: ["127.0.0.1"])
        assert (await stranger.post(good)).failure is Failure.TLS_FAILED
        assert receiver.count == 3
    finally:
        await receiver.stop(5.0)


async def test_a_stop_ends_what_is_under_way(build: Build, receiver: Receiver, target: Target) -> None:
    caller = await build(ClientSettings(per_origin=1))
    receiver.behaviour = Behaviour(manner=Manner.HANG)
    posts = [asyncio.create_task(caller.post(target)) for _ in range(3)]
    await wait_until(lambda: receiver.count == 1)
    await caller.client.stop(1.0)
    assert {outcome.failure for outcome in await asyncio.gather(*posts)} == {Failure.CLOSED}
