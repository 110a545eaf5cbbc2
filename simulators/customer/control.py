"""The simulator's control interface over HTTP. It shows what came, numbers included; nothing of it is ever logged.

GET    /ready                          200 once it listens
GET    /control                        settings, counters
PUT    /control[?path=/p]              change some settings (see `Behaviour`), of one path or of all
GET    /deliveries?after=N&limit=M     what came, numbered
DELETE /deliveries                     forget it
"""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import FieldError, Refused
from shared.http import problem
from simulators.customer.behaviour import change
from simulators.customer.receiver import Receiver


def control(receiver: Receiver) -> Starlette:
    """The application for one receiver."""

    async def ready(_: Request) -> Response:
        state = receiver.health()
        return _json({"ready": state.ready}, 200 if state.ready else 503)

    async def show(_: Request) -> Response:
        return _json(
            {
                "port": receiver.port,
                "settings": receiver.behaviour,
                "paths": receiver.paths,
                "deliveries": receiver.count,
                "connections": receiver.connections,
            }
        )

    async def put(request: Request) -> Response:
        path = request.query_params.get("path")
        if path is None:
            receiver.behaviour = change(receiver.behaviour, await request.body())
        else:
            receiver.paths[path] = change(receiver.paths.get(path, receiver.behaviour), await request.body())
        return await show(request)

    async def deliveries(request: Request) -> Response:
        after, limit = _number(request, "after", 0), _number(request, "limit", 1_000)
        found = [each for each in receiver.deliveries if each.number > after][:limit]
        shown = [
            {
                "number": each.number,
                "path": each.path,
                "headers": each.headers,
                "body": each.body.decode("utf-8", "replace"),
            }
            for each in found
        ]
        return _json({"deliveries": shown, "next": found[-1].number if found else after})

    async def forget(_: Request) -> Response:
        receiver.deliveries.clear()
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/ready", ready),
            Route("/control", show, methods=["GET"]),
            Route("/control", put, methods=["PUT"]),
            Route("/deliveries", deliveries, methods=["GET"]),
            Route("/deliveries", forget, methods=["DELETE"]),
        ],
        exception_handlers={Refused: _refused},
    )


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Refused("invalid_query", "no whole number", [FieldError(f"/{name}", "invalid", "a whole number from 0")])
    return int(value)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return problem(422, error.code, "the request cannot be", error.detail, error.errors)
