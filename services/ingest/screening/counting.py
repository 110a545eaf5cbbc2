"""What was decided per account, until somebody takes it away: `sms.counts` wants sums, not messages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from shared.ids import AccountId


class Kind(IntEnum):
    """Place of a count."""

    PASSED = 0
    REFUSED = 1
    HELD = 2
    DELAYED = 3


class Tallies:
    """Adds up. Bounded by the accounts that are active between two takes."""

    def __init__(self) -> None:
        self._counts: dict[AccountId, list[int]] = {}

    def add(self, account_id: AccountId, kind: Kind) -> None:
        """One more."""
        counts = self._counts.get(account_id)
        if counts is None:
            counts = self._counts[account_id] = [0, 0, 0, 0]
        counts[kind] += 1

    def take(self) -> Mapping[AccountId, list[int]]:
        """All since the last time, by `Kind`."""
        taken, self._counts = self._counts, {}
        return taken
