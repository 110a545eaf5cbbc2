from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.dispatch.building import Letters
from tests.unit.ingest.screening.building import Bench


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def bench(letters: Letters, registry: CollectorRegistry) -> Bench:
    return Bench(letters, registry)
