"""Two settings place a run: the first port and the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.settings import ROOT, Port, read
from shared.errors import BadSettings


def test_the_defaults() -> None:
    settings = read({"PORT_BASE": "", "VAR": ""})
    assert settings.port(Port.API) == 20000
    assert settings.var == ROOT / "var"


def test_all_ports_move_with_the_base() -> None:
    settings = read({"PORT_BASE": "21000"})
    assert settings.url(Port.DLR_API) == "http://127.0.0.1:21001"
    assert {settings.port(port) - port for port in Port} == {21000}


@pytest.mark.parametrize(("given", "expected"), [("var2", ROOT / "var2"), ("/tmp/x", Path("/tmp/x"))])
def test_the_data_folder_is_seen_from_the_checkout(given: str, expected: Path) -> None:
    assert read({"VAR": given}).var == expected


@pytest.mark.parametrize("given", ["80", "65500", "many", "-1", "2e4"])
def test_a_base_that_gives_no_ports_is_refused(given: str) -> None:
    with pytest.raises(BadSettings, match="PORT_BASE"):
        read({"PORT_BASE": given})
