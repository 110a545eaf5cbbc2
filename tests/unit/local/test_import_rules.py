"""Who may import whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.import_rules import allowed, breaches


@pytest.mark.parametrize(
    ("importer", "module", "expected"),
    [
        ("shared/ids.py", "shared.errors", True),
        ("shared/ids.py", "services.ingest.api", False),
        ("services/ingest/api/app.py", "services.ingest.accounts", True),
        ("services/ingest/api/app.py", "services.dlr.api", False),
        ("services/ingest/api/app.py", "shared.kafka", True),
        ("services/ingest/api/app.py", "deploy.local.ports", False),
        ("simulators/smsc/server.py", "shared.smpp.pdu", True),
        ("simulators/smsc/server.py", "services.dispatch", False),
        ("clients/python/client.py", "shared.contracts.events", True),
        ("clients/python/client.py", "shared.kafka", False),
        ("cli/__main__.py", "tests.support", False),
        ("cli/__main__.py", "servicesx.other", True),
    ],
)
def test_the_rules(importer: str, module: str, expected: bool) -> None:
    assert allowed(Path(importer).parts, module) is expected


def test_a_breach_is_shown_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "services/ingest"
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text("import os\nfrom services import dlr\n")
    assert list(breaches(tmp_path)) == ["services/ingest/bad.py:2: services.ingest may not import services.dlr"]
