"""Where an account comes in from, and its password."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from services.ingest.admin.models.base import Body, View

MOST_RANGES: Final = 100


class RangeBody(Body):
    """A range of addresses, both ends included; IPv4 or IPv6."""

    first: Annotated[str, Field(alias="from", max_length=64)]
    last: Annotated[str, Field(alias="to", max_length=64)]


class AccessBody(Body):
    """Where keys and passwords are good from; with `address_suffices` the addresses are a way in of their own."""

    ip_ranges: Annotated[list[RangeBody], Field(max_length=MOST_RANGES)]
    address_suffices: bool = False


class RangeView(View):
    """A range of addresses."""

    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]


class AccessView(View):
    """How the account gets in beside its keys. `password` tells whether it has one, `kafka` whether its own systems may
    come in that way.
    """

    ip_ranges: list[RangeView]
    address_suffices: bool
    password: bool
    kafka: bool


class PasswordView(View):
    """A new password, shown this once. `user` is the account's id."""

    user: str
    password: str
