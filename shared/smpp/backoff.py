"""How long to wait before the next try."""

from __future__ import annotations

from random import Random

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds: doubling from `first` to `longest`, minus a share of up to `jitter`.

    A bind that stood for `steady` starts the count anew; one that flaps keeps backing off.
    """

    first: float = 1.0
    longest: float = 60.0
    jitter: float = 0.5
    steady: float = 30.0

    def delay(self, failures: int, random: Random) -> float:
        """Seconds before the next try after so many failures in a row (at least 1)."""
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return full * (1.0 - self.jitter * random.random())
