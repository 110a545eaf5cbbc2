"""The smallest case that fails as a found one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tests.fuzz.case import Answer, Case, Feed, Flood, Send, Step, Wait


def smallest(case: Case, fails: Callable[[Case], bool], tries: int = 5_000) -> Case:
    """Take away steps, then octets, as long as it fails; `fails` is asked so many times at most."""
    improved = True
    while improved:
        improved = False
        for smaller in _smaller(case):
            tries -= 1
            if tries < 0:
                return case
            if fails(smaller):
                case, improved = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    steps = case.steps
    size = len(steps)
    while size:
        for at in range(0, len(steps), size):
            yield msgspec.structs.replace(case, steps=steps[:at] + steps[at + size :])
        size //= 2
    for at, step in enumerate(steps):
        for simpler in _simpler(step):
            yield msgspec.structs.replace(case, steps=(*steps[:at], simpler, *steps[at + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    match step:
        case Feed(octets):
            size = len(octets) // 4 * 2
            while size:
                for at in range(0, len(octets), size):
                    yield Feed(octets[:at] + octets[at + size :])
                size = size // 4 * 2
        case Flood(octets, times):
            yield Feed(octets)
            if times > 1:
                yield Flood(octets, times // 2)
        case Send(count) if count > 1:
            yield Send(count // 2)
        case Answer(which, status, message_id) if (which, status, message_id) != (0, 0, ""):
            yield Answer(0, 0, "")
        case Wait(seconds) if seconds > 1:
            yield Wait(seconds / 2)
