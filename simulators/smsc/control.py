"""The simulator's control interface over HTTP. It shows content: it is a simulator; nothing of it is ever logged.

GET    /ready                        200 once it listens
GET    /control                      name, ports, settings, counters
PUT    /control                      change some settings (see README.md); 422 names the field
GET    /messages?after=N&limit=M     what was taken, numbered; without `after` the newest
DELETE /messages                     forget it
POST   /incoming                     deliver a message from a handset
DELETE /links                        break every link at once; answers how many
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Annotated

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import FieldError, Refused
from shared.http import problem
from shared.smpp.addresses import address
from shared.smpp.constants import ESM_CLASS_TYPE_MASK, ESM_CLASS_UDHI, USER_MESSAGE_REFERENCE
from shared.smpp.pdu import DeliverSm
from shared.text import gsm
from simulators.smsc.behaviour import change
from simulators.smsc.smsc import Smsc
from simulators.smsc.taken import TakenMessage

_MOST = 10_000
_UCS2 = 0x08
Octet = Annotated[int, msgspec.Meta(ge=0, le=255)]


class MessageView(msgspec.Struct, frozen=True):
    """One message as `GET /messages` shows it; octets as hex."""

    number: int
    id: str
    system_id: str
    source: str
    destination: str
    esm_class: int
    data_coding: int
    registered_delivery: int
    udh: str
    short_message: str
    duplicate: bool
    at: datetime


class Incoming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /incoming`: a `text` in GSM-7, or in UCS-2 if it must; or `short_message` as hex, UDH included,
    with its `data_coding`. The same `reference` twice is the same message delivered twice; without one each is new. A
    receipt (`esm_class`) has none.
    """

    source: str
    destination: str
    short_message: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{2}){0,254}$")] = ""
    text: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    reference: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] | None = None
    esm_class: Octet = 0
    data_coding: Octet = 0
    system_id: str | None = None


def control(smsc: Smsc) -> Starlette:
    """The application for one SMSC."""
    references = count(smsc.first_reference)

    async def ready(_: Request) -> Response:
        state = smsc.health()
        return _json({"ready": state.ready}, 200 if state.ready else 503)

    async def show(_: Request) -> Response:
        return _json(
            {
                "name": smsc.options.name,
                "smpp_port": smsc.port,
                "settings": smsc.behaviour,
                "counters": smsc.counters,
            }
        )

    async def put(request: Request) -> Response:
        smsc.behaviour = change(smsc.behaviour, await request.body())
        return await show(request)

    async def messages(request: Request) -> Response:
        limit = min(_number(request, "limit", 1_000), _MOST)
        after = _number(request, "after", 0)
        taken = smsc.taken.after(after, limit) if "after" in request.query_params else smsc.taken.newest(limit)
        return _json({"messages": [_view(each, smsc) for each in taken], "next": taken[-1].number if taken else after})

    async def forget(_: Request) -> Response:
        smsc.taken.forget()
        return Response(status_code=204)

    async def incoming(request: Request) -> Response:
        message = _decode_incoming(await request.body())
        source, destination = address(message.source), address(message.destination)
        octets, data_coding = _content(message)
        is_receipt = bool(message.esm_class & ESM_CLASS_TYPE_MASK)
        reference = next(references) if message.reference is None else message.reference
        delivered = smsc.deliver(
            DeliverSm(
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.value,
                dest_addr_ton=destination.ton,
                dest_addr_npi=destination.npi,
                destination_addr=destination.value,
                esm_class=message.esm_class,
                data_coding=data_coding,
                short_message=octets,
                tlvs=() if is_receipt else ((USER_MESSAGE_REFERENCE, (reference & 0xFFFF).to_bytes(2, "big")),),
            ),
            message.system_id.encode("latin-1", "replace") if message.system_id else None,
        )
        if not delivered:
            return problem(409, "nobody_bound", "nobody is bound to deliver to")
        return Response(status_code=202)

    async def drop_links(_: Request) -> Response:
        return _json({"dropped": smsc.drop_links()})

    return Starlette(
        routes=[
            Route("/ready", ready),
            Route("/control", show, methods=["GET"]),
            Route("/control", put, methods=["PUT"]),
            Route("/messages", messages, methods=["GET"]),
            Route("/messages", forget, methods=["DELETE"]),
            Route("/incoming", incoming, methods=["POST"]),
            Route("/links", drop_links, methods=["DELETE"]),
        ],
        exception_handlers={Refused: _refused},
    )


def _view(taken: TakenMessage, smsc: Smsc) -> MessageView:
    message = taken.message
    content = message.content
    header = content[0] + 1 if message.esm_class & ESM_CLASS_UDHI and content else 0
    return MessageView(
        number=taken.number,
        id=smsc.behaviour.id_format.write(taken.id).decode(),
        system_id=taken.system_id.decode("latin-1"),
        source=message.source_addr.decode("latin-1"),
        destination=message.destination_addr.decode("latin-1"),
        esm_class=message.esm_class,
        data_coding=message.data_coding,
        registered_delivery=message.registered_delivery,
        udh=content[:header].hex(),
        short_message=content[header:].hex(),
        duplicate=taken.duplicate,
        at=taken.taken_at,
    )


def _decode_incoming(body: bytes) -> Incoming:
    try:
        return msgspec.json.decode(body, type=Incoming)
    except msgspec.DecodeError as error:
        raise Refused("invalid_body", "the body cannot be read", [FieldError("", "invalid", str(error))]) from error


def _content(message: Incoming) -> tuple[bytes, int]:
    if message.text is None:
        return bytes.fromhex(message.short_message), message.data_coding
    if gsm.septets(message.text) is None:
        return message.text.encode("utf-16-be"), _UCS2
    return gsm.encode(message.text), 0


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
