"""Every problem that retention answers with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.retention.policy import DEFAULT_MONTHS, LEAST_MONTHS, MOST_MONTHS
from shared.explanations import Explanation
from shared.http import Kind

MOST_OCTETS: Final = 16_384

KINDS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404, "Not found", "There is no such request, hold or order.", "Check the id: another account's does not exist."
    ),
    "body_too_large": Kind(413, "Body too large", f"The body is larger than {MOST_OCTETS} octets.", "Send less."),
    "invalid_retention": Kind(
        422,
        "Invalid retention",
        f"A period is {LEAST_MONTHS} to {MOST_MONTHS} months, and above {DEFAULT_MONTHS} it has a reason.",
        "Correct the fields that `errors` names.",
    ),
    "invalid_request": Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
}
"""By code, in the order of their status."""

FIELDS: Final[Mapping[str, Explanation]] = {
    "out_of_range": Explanation("A period is outside what may be set.", "Ask for one that is inside."),
    "reason_missing": Explanation("A long period has no reason.", "Say why the data are needed for so long."),
    "invalid_number": Explanation("The number is none that could have got a message.", "Write it as +47…"),
    "invalid_value": Explanation("The value does not fit.", "Look it up in the reference."),
}
"""Codes of single fields."""
