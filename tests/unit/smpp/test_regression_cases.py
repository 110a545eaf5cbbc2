"""Each defect that was seen in a library has a test with its number (clients C1 to C39, servers S1 to S8)."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FOLDERS = [TESTS / "unit" / "smpp", TESTS / "integration" / "smpp"]
CASES = {*(f"c{number}" for number in range(1, 40)), *(f"s{number}" for number in range(1, 9))}


def numbered() -> set[str]:
    """The numbers in the names of tests: `test_c6_c7_...` carries two."""
    names = [
        name
        for folder in FOLDERS
        for file in folder.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def test_((?:[cs][0-9]+_)+)", file.read_text(), re.MULTILINE)
    ]
    return {case for name in names for case in name.split("_") if case}


def test_every_case_has_a_test_and_every_number_is_a_case() -> None:
    assert numbered() == CASES
