"""What the gateway answers, as far as the command reads it. Fields that are not known here are ignored."""

from __future__ import annotations

from typing import Final

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """Why one recipient was refused."""

    code: str
    message: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What became of one recipient. `id` is null when it was refused."""

    to: str
    state: str
    id: str | None = None
    parts: int | None = None
    coding: str | None = None
    price: int | None = None
    error: Fault | None = None


class Sent(msgspec.Struct, frozen=True):
    """Answer to `POST /v1/messages`: one verdict per recipient, in the order asked."""

    messages: tuple[Verdict, ...]


class Step(msgspec.Struct, frozen=True):
    """One state of a message, and since when."""

    state: str
    at: str
    reason: str | None = None


class Message(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """Answer to `GET /v1/messages/{id}`. `to` is null once the message was erased."""

    id: str
    to: str | None
    state: str
    final: bool
    sender: str | None = None
    reason: str | None = None
    history: tuple[Step, ...] = ()


class FieldFault(msgspec.Struct, frozen=True):
    """One thing wrong with one field."""

    pointer: str
    code: str
    message: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457)."""

    title: str
    code: str
    detail: str = ""
    errors: tuple[FieldFault, ...] = ()


DELIVERED: Final = "delivered"
