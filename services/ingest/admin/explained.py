"""What the codes of `errors` mean that only `/admin` gives."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from services.ingest.accounts.addresses import AddressCode
from services.ingest.admin.problems import AdminFieldCode
from services.ingest.desk.decisions import HoldCode
from shared.explanations import Explanation
from shared.text.links import DomainCode

ADMIN_FIELDS: Final[Mapping[StrEnum, Explanation]] = {
    AdminFieldCode.WRONG_FORM: Explanation("The value has not the form of its field.", "See `message` for the form."),
    AdminFieldCode.RESERVED: Explanation("The id is the gateway's own.", "Take another id."),
    AdminFieldCode.UNKNOWN_ORGANISATION: Explanation("There is no such organisation.", "Make it first."),
    AdminFieldCode.NO_RANGE: Explanation(
        "`address_suffices` needs at least one range of addresses.", "Give a range, or let a key be needed."
    ),
    AdminFieldCode.INVALID_CURSOR: Explanation(
        "The cursor is none that a list gave out.", "Use the cursor of the page before as it is, or begin anew."
    ),
    DomainCode.INVALID: Explanation(
        "This is no name of a domain, or one under which anybody can have one of his own.",
        "Give the domain alone, such as `example.no`: it stands for all below it.",
    ),
    HoldCode.DOMAINS_NOT_APPROVABLE: Explanation(
        "The hold names no domain that could be approved.", "Approve the hold without `remember_domains`."
    ),
    AddressCode.INVALID_ADDRESS: Explanation("This is no IPv4 or IPv6 address.", "Correct it."),
    AddressCode.MIXED_FAMILIES: Explanation("One end is IPv4 and the other IPv6.", "Give both ends of one family."),
    AddressCode.RANGE_REVERSED: Explanation("The range ends before it begins.", "Exchange `from` and `to`."),
}
"""What each code of a field means."""
