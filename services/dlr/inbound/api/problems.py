"""Every problem that the calls for incoming messages answer with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.explanations import Explanation
from shared.http import Kind

MOST_KEYWORDS: Final = 1_000
"""Of one account."""

KINDS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404,
        "Not found",
        "There is no such keyword, opt-out or incoming message of this account.",
        "Check the id: what belongs to another account does not exist for you.",
    ),
    "keyword_taken": Kind(
        409, "Keyword taken", "The number has this keyword already.", "Take another word, or delete yours first."
    ),
    "too_many_keywords": Kind(
        409, "Too many keywords", f"The account has {MOST_KEYWORDS} keywords already.", "Delete some."
    ),
    "body_too_large": Kind(413, "Body too large", "The body is larger than 16384 octets.", "Shorten the reply."),
    "invalid_json": Kind(
        422, "Invalid JSON", "The body is not valid JSON in UTF-8.", "Let a JSON library write the body."
    ),
    "invalid_request": Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
}
"""By code, in the order of their status."""

FIELDS: Final[Mapping[str, Explanation]] = {
    "invalid_keyword": Explanation(
        "A keyword is one to three words of letters and digits that do not begin with stop or stopp; a shared number "
        "has no default `*`.",
        "Take other words.",
    ),
    "unknown_number": Explanation(
        "You have no such number, and it is not a shared one.", "Take one from `GET /v1/numbers`."
    ),
    "not_a_short_number": Explanation("A charged reply comes from a short number alone.", "Take a short number."),
}
"""Codes of fields, beside those of the front door."""
