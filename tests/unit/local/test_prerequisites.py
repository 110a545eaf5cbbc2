"""What a machine lacks is named, each with the command that mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.prerequisites import LIBRARIES, Machine, look, missing

GOOD = Machine(
    system="Linux",
    processor="x86_64",
    python=(3, 11),
    has_venv=True,
    c_library=(2, 35),
    libraries=frozenset(LIBRARIES),
    free_gb=10.0,
)


def test_a_good_machine_lacks_nothing() -> None:
    assert missing(GOOD) == []


def test_this_machine_runs_the_tests_and_so_lacks_nothing() -> None:
    assert missing(replace(look(Path.cwd()), free_gb=10.0)) == []


@pytest.mark.parametrize(
    ("machine", "what", "remedy"),
    [
        (replace(GOOD, python=(3, 10)), "Python 3.11 or newer (this is 3.10)", "apt-get install -y python3.11"),
        (replace(GOOD, has_venv=False), "venv module of Python 3.11", "apt-get install -y python3.11-venv"),
        (
            replace(GOOD, libraries=frozenset(LIBRARIES) - {"libcurl.so.4"}),
            "libcurl.so.4 (for MongoDB)",
            "apt-get install -y libcurl4",
        ),
        (
            replace(GOOD, libraries=frozenset(LIBRARIES) - {"libssl.so.3", "libcrypto.so.3"}),
            "libssl.so.3, libcrypto.so.3 (for MongoDB)",
            "apt-get install -y libssl3",
        ),
        (replace(GOOD, c_library=(2, 31)), "GNU C library 2.35 or newer (here: 2.31)", "Debian 12, Ubuntu 22.04"),
        (replace(GOOD, c_library=None), "(here: another)", "Debian 12, Ubuntu 22.04"),
        (replace(GOOD, system="Darwin", c_library=None), "this is Darwin", "deploy/compose"),
        (replace(GOOD, processor="riscv64"), "on riscv64", "deploy/compose"),
        (replace(GOOD, free_gb=0.5), "2 GB of free disk (here: 0.5 GB)", "free some space"),
    ],
)
def test_one_missing_thing_is_named_with_its_remedy(machine: Machine, what: str, remedy: str) -> None:
    (item,) = missing(machine)
    assert what in item.what
    assert remedy in item.remedy


def test_everything_missing_is_named_at_once() -> None:
    assert len(missing(replace(GOOD, has_venv=False, libraries=frozenset(), free_gb=0.0))) == 3
