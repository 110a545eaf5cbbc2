"""Kinds of fields: each refuses with a code that is documented."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.ingest.accounts.keys import Scope
from services.ingest.accounts.staff import Role
from services.ingest.admin.problems import AdminFieldCode
from shared.contracts.words import Lane
from shared.errors import Refused
from shared.ids import GATEWAY
from shared.text.links import parse_domain
from shared.text.printed import fault_of_line
from shared.text.senders import parse_sender

_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


def _one_line(text: str) -> str:
    if fault_of_line(text) is not None or text != text.strip():
        raise PydanticCustomError(
            AdminFieldCode.WRONG_FORM, "must be one line of printable characters without blanks around it"
        )
    return text


def _sender(text: str) -> str:
    try:
        return parse_sender(text).value
    except Refused as refusal:
        raise PydanticCustomError(refusal.code, "{detail}", {"detail": refusal.detail}) from None


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except Refused as refusal:
        raise PydanticCustomError(refusal.code, "{detail}", {"detail": refusal.detail}) from None


def _not_ours(account_id: str) -> str:
    if account_id.lower() == GATEWAY:
        raise PydanticCustomError(AdminFieldCode.RESERVED, "this id is the gateway's own")
    return account_id


Id = Annotated[str, StringConstraints(pattern=_ID)]
NewId = Annotated[Id, AfterValidator(_not_ours)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
SenderName = Annotated[str, StringConstraints(min_length=1, max_length=32), AfterValidator(_sender)]
DomainName = Annotated[str, StringConstraints(min_length=1, max_length=253), AfterValidator(_domain)]
Senders = Annotated[list[SenderName], Field(max_length=200)]
Domains = Annotated[list[DomainName], Field(max_length=200)]
# Strict mode takes an enum's member only; from JSON come strings.
LaneWord = Annotated[Lane, Field(strict=False)]
ScopeWord = Annotated[Scope, Field(strict=False)]
RoleWord = Annotated[Role, Field(strict=False)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]
