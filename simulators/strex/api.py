"""The API of Strex Connect, as far as payment needs it: exact success codes, absolute Location, `{"Message": …}`.

POST   api/strex/transactions              201    GET    api/ping
GET    api/strex/transactions/{id}         200    GET    api/strex/validity, api/strex/userinfo
DELETE api/strex/transactions/{id}         201    GET    api/server/public-keys/{name}, api/public-key/{name}
POST   api/strex/one-time-passwords        201    GET    api/export/transactions/{YYYY-MM-DD}.csv
GET    api/strex/one-time-passwords/{id}   200
POST   api/out-messages                    201
GET    api/out-messages/{id}               200
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import Refused
from shared.strex.signatures import BadSignature, PublicKey, write_public_key
from simulators.strex.authentication import Authentication
from simulators.strex.export import export
from simulators.strex.strex import Conflict, NotFound, Strex
from simulators.strex.transaction import Kind, shown, shown_message
from simulators.strex.wire import OneTimePassword, OutMessage, StrexTransaction, read, time, without_nulls, write

_JSON: Final = "application/json; charset=utf-8"
_STATUS: Final[dict[type[Refused], int]] = {BadSignature: 401, NotFound: 404, Conflict: 409}

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def api(strex: Strex, authentication: Authentication, server_keys: dict[str, PublicKey]) -> Starlette:
    """The application."""

    async def ping(_: Request) -> Response:
        return _answer("pong")

    async def charge(request: Request) -> Response:
        body = await request.body()
        transaction = strex.charge(read(body, StrexTransaction), body)
        return _created(request, f"api/strex/transactions/{transaction.id}")

    async def transaction(request: Request) -> Response:
        return _answer(shown(await strex.find(request.path_params["id"])))

    async def reverse(request: Request) -> Response:
        reversal = await strex.reverse(request.path_params["id"])
        return _created(request, f"api/strex/transactions/{reversal.id}", {"transactionId": reversal.id})

    async def password(request: Request) -> Response:
        wanted = read(await request.body(), OneTimePassword)
        strex.password(wanted)
        return _created(request, f"api/strex/one-time-passwords/{wanted.transaction_id}")

    async def sent_password(request: Request) -> Response:
        sent = strex.ledger.passwords.get(request.path_params["id"])
        if sent is None:
            raise NotFound
        return _answer(
            {**_camel(sent.request), "delivered": True, "created": time(sent.created)},
        )

    async def send(request: Request) -> Response:
        body = await request.body()
        message = strex.message(read(body, OutMessage), body)
        return _created(request, f"api/out-messages/{message.id}")

    async def message(request: Request) -> Response:
        found = strex.ledger.transactions.get(request.path_params["id"])
        if found is None or found.kind is not Kind.MESSAGE:
            raise NotFound
        return _answer(shown_message(found))

    async def validity(request: Request) -> Response:
        recipient = request.query_params.get("recipient", "")
        number = f"+{recipient[1:]}" if recipient.startswith(" ") else recipient
        profile = strex.ledger.profile(number, None)
        if not profile.known:
            raise NotFound
        return _answer(profile.validity)

    async def server_key(request: Request) -> Response:
        name = request.path_params["name"]
        key = server_keys.get(name)
        if key is None:
            raise NotFound
        return _answer(
            {"name": name, "publicKeyString": write_public_key(key), "signAlgo": "ECDsaP256", "hashAlgo": "SHA256"}
        )

    async def daily(request: Request) -> Response:
        text = export(strex.ledger.created_on(request.path_params["day"]))
        return Response(text, media_type="text/csv; charset=utf-8")

    def known(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            await authentication.require(request)
            return await endpoint(request)

        return guarded

    return Starlette(
        routes=[
            Route("/api/ping", ping, methods=["GET"]),
            Route("/api/strex/transactions", known(charge), methods=["POST"]),
            Route("/api/strex/transactions/{id}", known(transaction), methods=["GET"]),
            Route("/api/strex/transactions/{id}", known(reverse), methods=["DELETE"]),
            Route("/api/strex/one-time-passwords", known(password), methods=["POST"]),
            Route("/api/strex/one-time-passwords/{id}", known(sent_password), methods=["GET"]),
            Route("/api/out-messages", known(send), methods=["POST"]),
            Route("/api/out-messages/{id}", known(message), methods=["GET"]),
            Route("/api/strex/validity", known(validity), methods=["GET"]),
            Route("/api/strex/userinfo", known(validity), methods=["GET"]),
            Route("/api/server/public-keys/{name}", known(server_key), methods=["GET"]),
            Route("/api/public-key/{name}", known(server_key), methods=["GET"]),
            Route("/api/export/transactions/{day}.csv", known(daily), methods=["GET"]),
        ],
        exception_handlers={Refused: _refused, HTTPException: _lost},
    )


def _answer(body: object, status: int = 200) -> Response:
    return Response(write(body), status, media_type=_JSON)


def _created(request: Request, path: str, body: object | None = None) -> Response:
    location = f"{request.scope['scheme']}://{request.headers.get('host', '')}/{path}"
    content = b"" if body is None else write(body)
    return Response(content, 201, headers={"location": location}, media_type=_JSON if content else None)


def _camel(request: OneTimePassword) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(request)
    return without_nulls(fields)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return _answer({"Message": error.detail}, _STATUS.get(type(error), 400))


async def _lost(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _answer({"Message": error.detail}, error.status_code)
