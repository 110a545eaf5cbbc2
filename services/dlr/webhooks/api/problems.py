"""Every problem that the management of webhooks answers with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.dlr.api.asking import MOST_OCTETS
from services.dlr.webhooks.endpoints.endpoint import MOST_ENDPOINTS
from shared.http import Kind

KINDS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404,
        "Not found",
        "There is no such endpoint or delivery of this account.",
        "Check the id: what belongs to another account does not exist for you.",
    ),
    "too_many_endpoints": Kind(
        409,
        "Too many endpoints",
        f"The account has {MOST_ENDPOINTS} endpoints already.",
        "Delete one, or let one endpoint take more states.",
    ),
    "body_too_large": Kind(
        413, "Body too large", f"The body is larger than {MOST_OCTETS} octets.", "Name fewer states, a shorter URL."
    ),
    "invalid_json": Kind(
        422, "Invalid JSON", "The body is not valid JSON in UTF-8.", "Let a JSON library write the body."
    ),
    "invalid_request": Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
}
"""By code, in the order of their status."""
