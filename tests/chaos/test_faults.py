"""The list of faults, for a process of each role and of each service."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.processes import processes
from deploy.local.settings import LocalSettings
from tests.chaos.faults import faults, meant


@pytest.mark.parametrize(("split", "sender"), [(True, "dispatch.sender"), (False, "dispatch")])
def test_every_process_is_killed_and_parts_may_go_twice_where_a_sender_is_lost(split: bool, sender: str) -> None:
    names = [placed.name for placed in processes(LocalSettings(24_000, Path("var"), split=split))]
    every = {fault.name: fault for fault in faults(names)}
    assert len(every) == len(faults(names))
    assert {f"kill -9 of {name}" for name in names} < set(every)
    crashing = {name for name, fault in every.items() if fault.crashes}
    assert {name for name in crashing if name.startswith(("kill -9 of d", "SIGSTOP"))} == {
        f"kill -9 of {sender}",
        f"SIGSTOP of {sender} for 12.5 s",
    }


def test_faults_are_chosen_by_words_of_their_names() -> None:
    assert meant("kill -9 of mongod", ())
    assert meant("kill -9 of mongod", ("Valkey", "mongod"))
    assert not meant("kill -9 of mongod", ("Valkey",))
