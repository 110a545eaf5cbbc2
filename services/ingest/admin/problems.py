"""Problems that only `/admin` answers with, beside those of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from starlette.responses import Response

from services.ingest.accounts.changes import ChangeCode
from services.ingest.api.problems import KINDS, Code
from services.ingest.clients.letting import ClientCode
from services.ingest.desk.decisions import HoldCode
from shared.errors import FieldError, Refused
from shared.http import Kind, problem


class AdminCode(StrEnum):
    """`code` of a problem document, beside `ChangeCode` and the API's."""

    NOT_PERMITTED = "not_permitted"


class AdminFieldCode(StrEnum):
    """`code` of one entry of `errors`, beside `AddressCode`, `FieldCode` and those of `shared.text.codes`."""

    WRONG_FORM = "wrong_form"
    RESERVED = "reserved"
    UNKNOWN_ORGANISATION = "unknown_organisation"
    NO_RANGE = "no_range"
    INVALID_CURSOR = "invalid_cursor"


ADMIN_KINDS: Final[Mapping[str, Kind]] = {
    AdminCode.NOT_PERMITTED: Kind(
        403, "Not permitted", "The key is good, but its role may not do this.", "Ask somebody whose role may."
    ),
    ChangeCode.ACCOUNT_CLOSED: Kind(
        409,
        "Account closed",
        "The account is closed; nothing about it changes any more.",
        "Make another account: a closed one stays closed.",
    ),
    ChangeCode.ALREADY_EXISTS: Kind(
        409, "Already exists", "The id is taken.", "Take another id, or change what is there."
    ),
    HoldCode.HOLD_DECIDED: Kind(
        409,
        "Hold decided",
        "Somebody decided on the hold before, and otherwise.",
        "Look at the hold: a decision stays as it is.",
    ),
    ChangeCode.KEY_NOT_ACTIVE: Kind(
        409, "Key not active", "The key is revoked, or was rotated before.", "Rotate the newer key, or make one."
    ),
    ChangeCode.CHANGED_MEANWHILE: Kind(
        409,
        "Changed meanwhile",
        "Somebody else changed the same at the same time.",
        "Look at what is there now, then repeat what is still wanted.",
    ),
    ClientCode.CLIENTS_NOT_AVAILABLE: Kind(
        409,
        "Client systems not available",
        "Client systems cannot be let in here: no listener for them is set, or the broker has no authorizer or no "
        "SCRAM, or does not let us change users and access lists. `detail` says what it answered.",
        "Set `BUDSTIKKE_KAFKA_CLIENTS`; give the broker a listener with SCRAM-SHA-512 and an authorizer, and the front "
        "door's user the right to alter the cluster.",
    ),
    ChangeCode.LAST_ADMIN: Kind(
        409,
        "Last administrator",
        "The last key with the role admin cannot be revoked.",
        "Make another key with the role admin first.",
    ),
    HoldCode.DOMAINS_NOT_APPROVABLE: Kind(
        422,
        "Domains not approvable",
        "The hold names no domain, an address, or a name under which anybody can have one of his own.",
        "Approve the hold without `remember_domains`.",
    ),
}
"""The documented problems, in the order of their status."""


class NotPermitted(Refused):
    """The caller is known, and may not do this."""

    def __init__(self, permission: str) -> None:
        super().__init__(AdminCode.NOT_PERMITTED, f"needs the permission {permission}")


class Invalid(Refused):
    """One or more fields are wrong (`invalid_request`)."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(Code.INVALID_REQUEST, "", errors)


def answer_refused(error: Refused) -> Response:
    """The response for a refusal, by its code."""
    kind = ADMIN_KINDS.get(error.code) or KINDS[Code(error.code)]
    return problem(kind.status, error.code, kind.title, error.detail, error.errors)
