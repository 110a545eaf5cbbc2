"""What the pages on security and refusals name as its test is one test of the suite, and no other has that name.

A name that several files have stands behind the end of its file's path: `billing/test_api.py::test_x`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from deploy.local.settings import ROOT

PAGES = [ROOT / "docs/security.md", *sorted(ROOT.glob("docs/refusals/*.md"))]
NAMED = re.compile(r"`(?:([\w/]+\.py)::)?(test_\w+)`")


@pytest.fixture(scope="module")
def there() -> dict[str, list[Path]]:
    """The files of all tests, by name."""
    found = defaultdict(list)
    for file in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE):
            found[name].append(file)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_is_named_is_there_and_is_one(page: Path, there: dict[str, list[Path]]) -> None:
    named = {(match[1] or "", match[2]) for match in NAMED.finditer(page.read_text())}
    assert len(named) >= 10
    files = {
        (end, name): [file for file in there.get(name, []) if str(file).endswith(f"/{end}" if end else "")]
        for end, name in named
    }
    assert {name: found for name, found in files.items() if len(found) != 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_line_of_a_table_of_tests_names_one(page: Path) -> None:
    in_table, without = False, []
    for line in page.read_text().splitlines():
        in_table = line.startswith("|") and (in_table or line.endswith("| test |"))
        if in_table and not line.endswith("| test |") and not line.startswith("| ---"):
            without += [] if NAMED.search(line.rpartition(" | ")[2]) else [line]
    assert without == []
