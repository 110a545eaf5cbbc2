"""What a missing peer does to a test, and how npm's is pinned."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from deploy.local.settings import ROOT
from tests.interop.installed import DEMANDED, Peer

MISSING = Peer("something", "apt-get install something", lambda: False)
LOCK = Path(__file__).with_name("npm") / "package-lock.json"


def test_a_test_of_a_missing_peer_is_skipped_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEMANDED, raising=False)

    with pytest.raises(pytest.skip.Exception) as caught:
        MISSING.require()

    assert str(caught.value) == MISSING.install


def test_where_peers_are_demanded_it_fails_and_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEMANDED, "1")

    with pytest.raises(pytest.fail.Exception, match=MISSING.install):
        MISSING.require()


def test_the_lock_pins_each_package_by_content_and_names_no_host() -> None:
    packages = msgspec.json.decode(LOCK.read_bytes())["packages"]
    fetched = [package for name, package in packages.items() if name]

    assert all(package["integrity"].startswith("sha512-") and package["version"] for package in fetched)
    assert "://" not in LOCK.read_text()


def test_what_cannot_be_installed_is_said(tmp_path: Path) -> None:
    run = subprocess.run(
        [ROOT / "tests/interop/install", "unheard-of"], capture_output=True, text=True, check=False, timeout=60
    )

    assert run.returncode == 1
    assert "could not install the peer unheard-of" in run.stderr
