"""The SMPP stack on octets by chance, from fixed seeds; `make fuzz` goes on from others for ten minutes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.fuzz.case import Case, Feed, Send, Wait, made
from tests.fuzz.failing import CASES, codec, session
from tests.fuzz.playing import play
from tests.fuzz.shrinking import smallest

SESSIONS = 1_200
"""Seeds of one test; 3 ms each."""
BODIES = 6_000


@pytest.mark.parametrize("part", range(5))
def test_sessions_keep_their_promises(part: int) -> None:
    for seed in range(part * SESSIONS, (part + 1) * SESSIONS):
        session(seed)


@pytest.mark.parametrize("part", range(3))
def test_the_codec_reads_or_refuses_and_never_breaks(part: int) -> None:
    for seed in range(part * BODIES, (part + 1) * BODIES):
        codec(seed)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_a_kept_case_holds(path: Path) -> None:
    play(msgspec.json.decode(path.read_bytes(), type=Case))


def test_a_seed_makes_the_same_case_again_and_a_case_survives_being_written() -> None:
    case = made(Random(7))

    assert made(Random(7)) == case
    assert msgspec.json.decode(msgspec.json.encode(case), type=Case) == case


def test_a_finding_is_reduced_to_what_makes_it() -> None:
    case = made(Random(7))
    steps = (*case.steps, Feed("00000010000000150000000000000007"), Wait(31.0), Send(8))

    def fails(candidate: Case) -> bool:
        return any(isinstance(step, Send) for step in candidate.steps)

    assert smallest(msgspec.structs.replace(case, steps=steps), fails).steps == (Send(1),)
