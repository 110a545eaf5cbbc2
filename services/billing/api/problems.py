"""Every problem that usage, invoices and finance's commands answer with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.billing.api.asking import MOST_OCTETS
from shared.explanations import Explanation
from shared.http import Kind

READS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404,
        "Not found",
        "There is no such invoice, customer or close.",
        "Check number and id: what belongs to another customer does not exist for you.",
    ),
    "invalid_month": Kind(422, "Invalid month", "A month is written as `YYYY-MM`.", "Write it so, as 2026-10."),
    "invalid_request": Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
}
"""What accounts meet."""

KINDS: Final[Mapping[str, Kind]] = {
    **READS,
    "account_taken": Kind(
        409,
        "Account taken",
        "An account of the record is another customer's already.",
        "Take it from that customer's record first.",
    ),
    "account_without_customer": Kind(
        409,
        "Account without customer",
        "Accounts used something and nobody pays for it; `errors` names them.",
        "Set a customer that has them, or name them in `leave`: then their usage waits.",
    ),
    "period_not_over": Kind(
        409,
        "Period not over",
        "The month still runs.",
        "Wait until it is over, or close it with `early`: what it still brings is adjusted in the next.",
    ),
    "period_not_begun": Kind(409, "Period not begun", "The month lies ahead.", "Close an earlier one."),
    "earlier_period_open": Kind(
        409, "Earlier period open", "Months are closed one after the other.", "Close the one that `detail` names."
    ),
    "nothing_waits": Kind(
        409,
        "Nothing waits",
        "No usage of this account waits in that month: it is settled, or the month is not closed.",
        "Look at what waits with `budstikke billing waiting`.",
    ),
    "body_too_large": Kind(
        413, "Body too large", f"The body is larger than {MOST_OCTETS} octets.", "Name fewer accounts in one record."
    ),
}
"""By code."""

FIELDS: Final[Mapping[str, Explanation]] = {
    "unknown_field": Explanation("There is no such query parameter, or it is given twice.", "Leave it out."),
    "missing_field": Explanation("The field is required.", "Give it."),
    "invalid_value": Explanation("The value has not the form of its field.", "See `message` for what is expected."),
    "invalid_organisation_number": Explanation(
        "The check digit of the organisation number is wrong.", "Look it up in Enhetsregisteret."
    ),
    "invalid_gln": Explanation("The number is no GLN.", "Give all 13 digits."),
    "duplicate_value": Explanation("An account stands there twice.", "Name it once."),
    "wrong_form": Explanation(
        "The text is blank, or holds characters that cannot be printed.", "Give one that can be printed."
    ),
    "unknown_value": Explanation("The price file has no such plan or product.", "Take one that it has."),
    "out_of_range": Explanation(
        "The subscription ends before it begins, or the number is too small or too large.",
        "Correct the field that is named.",
    ),
    "overlapping": Explanation(
        "The same subscription runs in that month already, which is paid whole.", "Let it begin in a later month."
    ),
    "invalid_cursor": Explanation("The cursor is none that a list gave.", "Take it from the answer before."),
    "period_closed": Explanation(
        "The subscription begins, or goes on, in a month whose invoices are out.",
        "Let one begin in a month that is open.",
    ),
    "account_without_customer": Explanation("The account used something and has no customer.", "Set one that has it."),
}
"""Codes of entries of `errors`."""
