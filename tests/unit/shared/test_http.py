from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.errors import BadSettings, FieldError
from shared.http import HttpServer, probes, problem
from shared.lifecycle import Health
from shared.trust import trusted
from tests.support import wait_until

LOCAL = "127.0.0.1"


class Door:
    """An application whose one path answers when the test opens it."""

    def __init__(self) -> None:
        self.entered = 0
        self.open = asyncio.Event()
        self.app = Starlette(routes=[Route("/", self._answer)])

    async def _answer(self, _: Request) -> Response:
        self.entered += 1
        await self.open.wait()
        return PlainTextResponse("through")


@pytest.fixture
async def door() -> Door:
    return Door()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Starlette], Awaitable[HttpServer]]]:
    """Starts servers on free ports and stops them after the test."""
    started: list[HttpServer] = []

    async def start(app: Starlette) -> HttpServer:
        server = HttpServer("test", app, LOCAL, 0, setting="BUDSTIKKE_API_PORT")
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop(1.0)


Serve = Callable[[Starlette], Awaitable[HttpServer]]


def client(server: HttpServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{LOCAL}:{server.port}", timeout=10, verify=trusted(), trust_env=False)


async def test_port_zero_takes_a_free_port_and_tells_which(serve: Serve, door: Door) -> None:
    door.open.set()
    first, second = await serve(door.app), await serve(door.app)
    assert 0 < first.port != second.port > 0
    async with client(first) as caller:
        assert (await caller.get("/")).text == "through"


async def test_a_server_is_ready_while_it_serves(door: Door) -> None:
    server = HttpServer("test", door.app, LOCAL, 0, setting="BUDSTIKKE_API_PORT")
    assert server.health() == Health(ready=False, reason="not listening")
    await server.start()
    assert server.health() == Health(ready=True)
    await server.stop(1.0)
    assert server.health() == Health(ready=False, reason="not listening")
    await server.stop(1.0)


async def test_a_port_in_use_is_a_bad_setting_that_is_named(serve: Serve, door: Door) -> None:
    taken = (await serve(door.app)).port
    with pytest.raises(BadSettings, match=f"BUDSTIKKE_API_PORT: port {taken} cannot be bound") as caught:
        await HttpServer("test", door.app, LOCAL, taken, setting="BUDSTIKKE_API_PORT").start()
    assert caught.value.code == "port_unavailable"


async def test_of_two_that_start_at_once_on_one_port_one_is_refused(door: Door) -> None:
    with socket.socket() as finder:
        finder.bind((LOCAL, 0))
        port = finder.getsockname()[1]
    servers = [HttpServer("test", door.app, LOCAL, port, setting="BUDSTIKKE_API_PORT") for _ in range(2)]
    ends = await asyncio.gather(*(server.start() for server in servers), return_exceptions=True)
    for server in servers:
        await server.stop(1.0)
    assert [type(end) for end in ends] == [type(None), BadSettings]


async def test_a_request_under_way_is_finished_before_the_end(serve: Serve, door: Door) -> None:
    server = await serve(door.app)
    async with client(server) as caller:
        asking = asyncio.create_task(caller.get("/"))
        await wait_until(lambda: door.entered == 1)
        stopping = asyncio.create_task(server.stop(10.0))
        await wait_until(lambda: refuses(server))
        assert not stopping.done()
        door.open.set()
        assert (await asking).text == "through"
        await stopping


async def test_an_idle_connection_does_not_hold_up_the_end(serve: Serve, door: Door) -> None:
    door.open.set()
    server = await serve(door.app)
    async with client(server) as caller:
        await caller.get("/")
        await asyncio.wait_for(server.stop(60.0), 5)


async def test_a_request_that_never_ends_is_cut_at_the_deadline(serve: Serve, door: Door) -> None:
    server = await serve(door.app)
    async with client(server) as caller:
        asking = asyncio.create_task(caller.get("/"))
        await wait_until(lambda: door.entered == 1)
        await asyncio.wait_for(server.stop(1.0), 5)
        with suppress(httpx.HTTPError):
            assert (await asyncio.wait_for(asking, 5)).status_code == 500


async def test_a_server_waits_until_it_is_stopped(serve: Serve, door: Door) -> None:
    server = await serve(door.app)
    waiting = asyncio.create_task(server.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    await server.stop(1.0)
    await asyncio.wait_for(waiting, 5)


async def test_the_rest_of_an_answer_waits_for_no_acknowledgement(serve: Serve, door: Door) -> None:
    server = await serve(door.app)
    door.open.set()
    async with client(server) as http:
        await http.get("/")
        assert server._server is not None
        (connection,) = server._server.server_state.connections
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_server_says_neither_what_it_is_nor_when(serve: Serve, door: Door) -> None:
    door.open.set()
    async with client(await serve(door.app)) as caller:
        headers = (await caller.get("/")).headers
    assert "server" not in headers
    assert "date" not in headers


@pytest.mark.parametrize(
    ("health", "live", "ready", "reason"),
    [
        (Health(ready=True), 200, 200, ""),
        (Health(ready=False, reason="waiting for kafka"), 200, 503, "waiting for kafka"),
        (Health(ready=False, live=False, reason="stuck"), 503, 503, "stuck"),
    ],
)
async def test_probes_answer_with_the_state_and_its_reason(health: Health, live: int, ready: int, reason: str) -> None:
    app = probes(lambda: health, CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://probes") as caller:
        answers = {path: await caller.get(path) for path in ("/live", "/ready")}
    assert answers["/live"].status_code == live
    assert answers["/ready"].status_code == ready
    assert answers["/ready"].json() == {"ok": ready == 200, "reason": reason}
    assert answers["/live"].json() == {"ok": live == 200, "reason": reason if live == 503 else ""}


async def test_metrics_are_those_of_the_given_registry() -> None:
    registry = CollectorRegistry()
    Counter("records", "Records finished", registry=registry).inc(3)
    app = probes(lambda: Health(ready=True), registry)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://probes") as caller:
        answer = await caller.get("/metrics")
    assert "records_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_problem_document_has_a_stable_code_and_names_fields() -> None:
    response = problem(422, "invalid_request", "Invalid request", errors=[FieldError("/to/0", "invalid_number", "no")])
    assert response.status_code == 422
    assert response.media_type == "application/problem+json"
    assert httpx.Response(422, content=bytes(response.body)).json() == {
        "type": "urn:budstikke:error:invalid_request",
        "title": "Invalid request",
        "status": 422,
        "code": "invalid_request",
        "errors": [{"pointer": "/to/0", "code": "invalid_number", "message": "no"}],
    }


def refuses(server: HttpServer) -> bool:
    """Whether nobody listens on the server's port any more."""
    with socket.socket() as caller:
        return caller.connect_ex((LOCAL, server.port)) != 0
