"""What the processes of a run of `make bench` cost a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from docs.sections.figures import Figure
from tests.bench.processes import Usage

SERVERS: Final = ("kafka", "mongodb", "valkey")


class Bill(msgspec.Struct, frozen=True):
    """Readings before a load, at its last callback and a while after; of each process of the system its peak in MB.

    What was read of others than those is of the far ends, beside the load, which tells its CPU itself.
    """

    messages: int
    before: Usage
    end: Usage
    after: Usage
    peaks: Mapping[str, float]
    load_cpu: float

    def figures(self) -> Iterator[Figure]:
        """One row each, then the sums."""
        spent = self.end.since(self.before)
        ours = sorted(name for name in self.peaks if name not in SERVERS)
        for name in (*ours, *SERVERS):
            yield Figure(f"{name}: CPU", f"{self._cost(spent[name])}, peak {self.peaks[name]:,.0f} MB")
        yield Figure("all of ours: CPU", self._cost(sum(spent[name] for name in ours)))
        yield Figure("**all: CPU**", self._cost(sum(spent[name] for name in self.peaks)))
        later = self.after.since(self.end)
        idle = sum(later[name] for name in self.peaks) / (self.after.at - self.end.at)
        yield Figure("all, in the seconds after", f"{idle:.2f} cores")
        far = {name: seconds for name, seconds in spent.items() if name not in self.peaks} | {"load": self.load_cpu}
        yield Figure("far ends: CPU", ", ".join(f"{name} {self._cost(seconds)}" for name, seconds in far.items()))
        others = self.end.others(self.before) - self.load_cpu / (self.end.at - self.before.at)
        yield Figure("others on the machine", f"{others:.2f} cores")

    def _cost(self, seconds: float) -> str:
        return f"{seconds / self.messages * 1e6:,.0f} µs"
