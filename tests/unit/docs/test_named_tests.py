"""What the pages on security and refusals name as its test is a test of the suite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.local.settings import ROOT

PAGES = [ROOT / "docs/security.md", *sorted(ROOT.glob("docs/refusals/*.md"))]


@pytest.fixture(scope="module")
def there() -> set[str]:
    """Names of all tests."""
    return {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_is_named_is_there(page: Path, there: set[str]) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    assert len(named) >= 10
    assert sorted(named - there) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_line_of_a_table_of_tests_names_one(page: Path) -> None:
    in_table, without = False, []
    for line in page.read_text().splitlines():
        in_table = line.startswith("|") and (in_table or line.endswith("| test |"))
        if in_table and not line.endswith("| test |") and not line.startswith("| ---"):
            without += [] if "`test_" in line.rpartition(" | ")[2] else [line]
    assert without == []
