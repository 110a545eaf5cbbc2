"""Every problem that the premium books answer with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.billing.api.asking import MOST_OCTETS
from shared.http import Kind

KINDS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404,
        "Not found",
        "There is no such transaction, refund, statement or report of this account.",
        "Check the id: what belongs to another account does not exist for you.",
    ),
    "no_daily_file": Kind(
        404, "No daily file", "Strex has no file of that day, or its address is not set.", "Ask for it again later."
    ),
    "not_billed": Kind(409, "Not billed", "The user was not charged: there is nothing to give back.", "Nothing."),
    "outcome_open": Kind(
        409,
        "Outcome open",
        "It is not known whether the user was charged.",
        "Ask again when the transaction is `billed`.",
    ),
    "number_forgotten": Kind(
        409,
        "Number forgotten",
        "What was bought then is not known by number any more: the key of that year was destroyed.",
        "Ask by `transaction_id`.",
    ),
    "month_not_over": Kind(409, "Month not over", "The month runs still.", "Close it when it is over."),
    "earlier_month_open": Kind(
        409, "Earlier month open", "An earlier month has entries and is not closed.", "Close that one first."
    ),
    "month_not_closed": Kind(409, "Month not closed", "The month has no statements yet.", "Close it first."),
    "earlier_settlement_missing": Kind(
        409,
        "Earlier settlement missing",
        "What Strex paid for an earlier month is not on record, and decides what is carried into this one.",
        "Record that first; 0 if nothing came.",
    ),
    "already_received": Kind(
        409,
        "Already received",
        "Another day or amount is on record for this month, and the books are not changed.",
        "Show the month; an error in it is for a person.",
    ),
    "day_not_over": Kind(409, "Day not over", "The day runs still.", "Compare it tomorrow."),
    "body_too_large": Kind(
        413, "Body too large", f"The body is larger than {MOST_OCTETS} octets.", "Ask for one refund at a time."
    ),
    "invalid_request": Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
    "invalid_month": Kind(422, "Invalid month", "A month is written as `2026-10`.", "Write it so."),
    "invalid_day": Kind(
        422, "Invalid day", "A month is settled after its end.", "Give the day on which the money came."
    ),
    "bad_daily_file": Kind(
        422,
        "Bad daily file",
        "What Strex gave is no daily file; `detail` says why.",
        "Tell Strex; nothing was compared.",
    ),
}
"""By code, in the order of their status."""
