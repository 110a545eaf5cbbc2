"""An HTTP server as a component, and the probes that every process answers.

Errors of the whole HTTP surface are problem documents (RFC 9457): see `problem`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from shared.errors import BadSettings, FieldError
from shared.lifecycle import Health
from shared.listening import end_listening

PROBLEM = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document. `code` is stable and documented, texts are not."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: tuple[FieldError, ...] = ()


class Kind(msgspec.Struct, frozen=True):
    """Status and title of the problems of one code; what it means and what its reader can do, for the documentation."""

    status: int
    title: str
    meaning: str
    remedy: str


def problem(status: int, code: str, title: str, detail: str = "", errors: Sequence[FieldError] = ()) -> Response:
    """A response that carries a problem document."""
    body = Problem(
        type=f"urn:budstikke:error:{code}", title=title, status=status, code=code, detail=detail, errors=tuple(errors)
    )
    return Response(msgspec.json.encode(body), status, media_type=PROBLEM)


class _Uvicorn(uvicorn.Server):
    """Signals belong to the process, not to one of its servers; and it is told when to end, where uvicorn's looks ten
    times a second whether it shall.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Begin to end."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Nothing to do: no header holds the time, and nobody counts requests."""
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and with it every connection that was taken: uvicorn knows of those that it was told of by now."""
        for server in self.servers:
            await end_listening(server)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves an ASGI application on one port. Port 0 takes a free one; `port` tells which after the start."""

    def __init__(self, name: str, app: ASGIApp, host: str, port: int, *, setting: str, backlog: int = 2048) -> None:
        """`setting` is the variable that a message about the port names."""
        self.name = name
        self.port = port
        self._app = app
        self._host = host
        self._setting = setting
        self._backlog = backlog
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve. Raises `BadSettings` when the port cannot be had."""
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Head and body of an answer are two writes: without this, to be inherited, the second waits 40 ms for the other
        # end to acknowledge the first. uvloop sees to it by itself, asyncio not on a socket that it was given.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((self._host, self.port))
            listener.listen(self._backlog)
        except OSError as error:
            listener.close()
            raise BadSettings(
                "port_unavailable", f"{self._setting}: port {self.port} cannot be bound ({error.strerror})"
            ) from None
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http="httptools",
            loop="none",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            backlog=self._backlog,
            timeout_keep_alive=75,
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name=f"http {self.name}")
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn offers a flag, no event
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self, deadline: float) -> None:
        """Take no more connections, let running requests end, close."""
        if self._server is None or self._task is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, int(deadline))
        self._server.end()
        await self._task
        self._server = self._task = None

    async def wait(self) -> None:
        """Return when the server ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it serves."""
        serving = self._server is not None and self._server.started
        return Health(ready=serving, reason="" if serving else "not listening")


def probes(health: Callable[[], Health], registry: CollectorRegistry) -> Starlette:
    """`/live`, `/ready` (200 or 503 with the reason) and `/metrics`."""

    def answer(ok: bool, reason: str) -> Response:
        return Response(
            msgspec.json.encode({"ok": ok, "reason": reason}), 200 if ok else 503, media_type="application/json"
        )

    async def live(_: Request) -> Response:
        state = health()
        return answer(state.live, "" if state.live else state.reason)

    async def ready(_: Request) -> Response:
        state = health()
        return answer(state.ready, state.reason)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/live", live), Route("/ready", ready), Route("/metrics", metrics)])
