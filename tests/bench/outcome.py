"""What a run of `make bench` came to: the logs of load, SMSC and sink, joined by the numbers of the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from docs.sections.figures import Figure
from tests.bench.far import Log


class Outcome(msgspec.Struct, frozen=True):
    """One round. Times in seconds, rates per second, `lost` and doubles in messages."""

    accepted: int
    refused: int
    lost: int
    submitted_twice: int
    not_called_back: int
    called_back_twice: int
    not_delivered: int
    """Called back with another end, as far as the sink looks at that."""
    accept_rate: float
    submit_rate: float
    callback_rate: float
    end_to_end_rate: float
    accept: Sequence[float]
    accept_to_submit: Sequence[float]

    @property
    def good(self) -> bool:
        """Whether nothing was lost or doubled."""
        told = self.not_called_back or self.called_back_twice or self.not_delivered
        return not (self.refused or self.lost or self.submitted_twice or told)

    def figures(self) -> Iterator[Figure]:
        """One row each."""
        yield Figure("accepted", f"{self.accept_rate:,.0f} a second")
        yield Figure("taken by the operator", f"{self.submit_rate:,.0f} a second")
        yield Figure("**end to end**", f"{self.end_to_end_rate:,.0f} a second, to the last callback")
        yield Figure("answer of the door", _quantiles(self.accept))
        yield Figure("from there to the operator", _quantiles(self.accept_to_submit))
        yield Figure("lost, or refused", f"{self.lost}, {self.refused}")
        yield Figure("went out twice", str(self.submitted_twice))
        told = f"{self.not_called_back}, {self.called_back_twice}, {self.not_delivered}"
        yield Figure("not called back, twice, not as delivered", told)


def outcome(load: Log, smsc: Log, sink: Log) -> Outcome:
    """Join the logs of one load."""
    accepted = {row["no"]: row for row in load if 200 <= row["status"] < 300}
    numbers = {row["no"] for row in load}
    submits = [(row["no"], row["t_submit_ns"]) for row in smsc if row["no"] in numbers]
    callbacks = [(row["no"], row["t_ns"]) for row in sink if row["no"] in numbers]
    submitted, called = Counter(number for number, _ in submits), Counter(number for number, _ in callbacks)
    began = min(row["t0_ns"] for row in load)
    last = max((at for _, at in callbacks), default=began + 1)
    return Outcome(
        accepted=len(accepted),
        refused=len(load) - len(accepted),
        lost=len(accepted.keys() - submitted.keys()),
        submitted_twice=sum(submitted.values()) - len(submitted),
        not_called_back=len(accepted.keys() - called.keys()),
        called_back_twice=sum(called.values()) - len(called),
        not_delivered=sum(row["no"] in numbers and not row.get("delivered", True) for row in sink),
        accept_rate=_rate([began, *(row["t1_ns"] for row in accepted.values())]),
        submit_rate=_rate([at for _, at in submits]),
        callback_rate=_rate([at for _, at in callbacks]),
        end_to_end_rate=len(called) / (last - began) * 1e9,
        accept=sorted((row["t1_ns"] - row["t0_ns"]) / 1e9 for row in accepted.values()),
        accept_to_submit=sorted((at - accepted[no]["t1_ns"]) / 1e9 for no, at in submits if no in accepted),
    )


def _rate(times: Sequence[int]) -> float:
    seconds = (max(times, default=0) - min(times, default=0)) / 1e9
    return (len(times) - 1) / seconds if seconds else 0.0


def milliseconds(seconds: Sequence[float], share: float) -> float:
    """What this share of them, sorted, stays below."""
    return seconds[int(len(seconds) * share)] * 1000 if seconds else float("inf")


def _quantiles(seconds: Sequence[float]) -> str:
    return ", ".join(f"p{share * 100:g} {milliseconds(seconds, share):,.1f} ms" for share in (0.5, 0.99))
