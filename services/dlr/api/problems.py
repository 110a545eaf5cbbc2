"""Every problem that reads of the message log answer with, beside those of the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.http import Kind

KINDS: Final[Mapping[str, Kind]] = {
    "not_found": Kind(
        404,
        "Not found",
        "There is no such message of this account.",
        "Check the id: what belongs to another account does not exist for you.",
    ),
}
"""By code."""
