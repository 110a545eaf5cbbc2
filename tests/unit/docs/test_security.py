"""Every attack in the page on security is a test of the suite."""

from __future__ import annotations

import re

from deploy.local.settings import ROOT

NAMED = sorted(set(re.findall(r"`(test_\w+)`", (ROOT / "docs/security.md").read_text())))


def test_every_test_that_is_named_is_there() -> None:
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(NAMED) > 30
    assert [name for name in NAMED if name not in there] == []
