"""Who a message came from, as somebody who can be answered."""

from __future__ import annotations

from shared.errors import Refused
from shared.text.numbers import Number, parse


def mobile(sender: str) -> Number | None:
    """The mobile in E.164, or None for a name, a short number or a line that takes no messages."""
    try:
        return parse(sender, allow_m2m=True).number
    except Refused:
        return None
