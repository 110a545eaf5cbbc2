"""The simulator's control interface over HTTP. It shows content: it is a simulator; nothing of it is ever logged.

GET  /ready                         200 once it listens
GET  /control                       settings, totals (øre), counters of callbacks, faults
PUT  /control                       change some settings (see `Behaviour`); 422 says what cannot be
GET  /profiles, PUT /profiles/{n}   what single subscribers are like (see `Profile`)
PUT  /keys/{name}                   a public key that may sign requests: base64 of DER, as JSON text
GET  /transactions                  every charge, reversal and text, with how often each was posted
GET  /export/{YYYY-MM-DD}.csv       the daily export, as the API gives it
PUT  /transactions/{id}             put one into another state by hand (`status`, `detailed`, `billed`, `delivered`)
"""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import Refused
from shared.http import problem
from shared.strex.signatures import read_public_key
from simulators.strex.authentication import Authentication
from simulators.strex.behaviour import change
from simulators.strex.callbacks import Callbacks
from simulators.strex.export import export
from simulators.strex.misbehaving import Misbehaving
from simulators.strex.profile import Profile
from simulators.strex.strex import NotFound, Strex
from simulators.strex.transaction import State, Transaction
from simulators.strex.wire import time


def control(strex: Strex, authentication: Authentication, callbacks: Callbacks, faults: Misbehaving) -> Starlette:
    """The application for one simulator."""

    async def ready(_: Request) -> Response:
        return _json({"ready": True})

    async def show(_: Request) -> Response:
        return _json(
            {
                "settings": strex.behaviour,
                "totals": strex.ledger.totals(),
                "callbacks": callbacks.counters,
                "faults": faults.faults,
            }
        )

    async def put(request: Request) -> Response:
        strex.behaviour = change(strex.behaviour, await request.body())
        return await show(request)

    async def profiles(_: Request) -> Response:
        return _json(strex.ledger.profiles)

    async def profile(request: Request) -> Response:
        try:
            strex.ledger.profiles[request.path_params["number"]] = msgspec.json.decode(
                await request.body(), type=Profile
            )
        except msgspec.DecodeError as error:
            raise Refused("invalid_profile", str(error)) from None
        return Response(status_code=204)

    async def key(request: Request) -> Response:
        try:
            text = msgspec.json.decode(await request.body(), type=str)
            authentication.keys[request.path_params["name"]] = read_public_key(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise Refused("invalid_key", str(error)) from None
        return Response(status_code=204)

    async def transactions(_: Request) -> Response:
        return _json({"transactions": [_view(each) for each in strex.ledger.transactions.values()]})

    async def daily(request: Request) -> Response:
        text = export(strex.ledger.created_on(request.path_params["day"]))
        return Response(text, media_type="text/csv; charset=utf-8")

    async def turn(request: Request) -> Response:
        try:
            state = msgspec.json.decode(await request.body(), type=State)
        except msgspec.DecodeError as error:
            raise Refused("invalid_state", str(error)) from None
        return _json(_view(strex.turn(request.path_params["id"], state)))

    return Starlette(
        routes=[
            Route("/ready", ready),
            Route("/control", show, methods=["GET"]),
            Route("/control", put, methods=["PUT"]),
            Route("/profiles", profiles, methods=["GET"]),
            Route("/profiles/{number}", profile, methods=["PUT"]),
            Route("/keys/{name}", key, methods=["PUT"]),
            Route("/transactions", transactions, methods=["GET"]),
            Route("/export/{day}.csv", daily, methods=["GET"]),
            Route("/transactions/{id}", turn, methods=["PUT"]),
        ],
        exception_handlers={Refused: _refused},
    )


def _view(transaction: Transaction) -> dict[str, object]:
    return {
        "id": transaction.id,
        "kind": transaction.kind,
        "recipient": transaction.recipient,
        "price": transaction.price,
        "service_code": transaction.service_code,
        "content": transaction.content,
        "status": transaction.state.status,
        "detailed": transaction.state.detailed,
        "billed": transaction.state.billed,
        "delivered": transaction.state.delivered,
        "posts": transaction.posts,
        "created": time(transaction.created),
    }


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    status = 404 if isinstance(error, NotFound) else 422
    return problem(status, error.code, "the request cannot be", error.detail, error.errors)
