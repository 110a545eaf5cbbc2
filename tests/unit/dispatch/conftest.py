"""Messages under a key store of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.dispatch.building import Letters


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)
