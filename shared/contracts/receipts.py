"""The id of a receipt that speaks of several parts: where an operator has one message id for them all."""

from __future__ import annotations

from collections.abc import Sequence


def of_part(receipt_id: str, part: int, parts: Sequence[int]) -> str:
    """The receipt's own id for the first of these parts, and one that follows from it for each other."""
    return receipt_id if part == parts[0] else f"{receipt_id}:{part}"
