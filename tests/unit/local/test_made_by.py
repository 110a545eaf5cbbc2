"""A data folder is used by the server that made it, removed when half made, refused otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import made_by
from shared.errors import Fatal


def test_a_folder_that_does_not_exist_is_to_be_made(tmp_path: Path) -> None:
    assert not made_by.check(tmp_path / "data", "kafka", "4.4.0")


def test_a_signed_folder_is_used(tmp_path: Path) -> None:
    made_by.sign(tmp_path, "kafka", "4.4.0")
    assert made_by.check(tmp_path, "kafka", "4.4.0")


def test_a_half_made_folder_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "log").mkdir(parents=True)
    (folder / "log/meta.properties").write_text("half")
    assert not made_by.check(folder, "kafka", "4.4.0")
    assert not folder.exists()


@pytest.mark.parametrize(("server", "version"), [("kafka", "4.3.0"), ("mongodb", "4.4.0")])
def test_another_version_s_data_are_refused_with_the_remedy(tmp_path: Path, server: str, version: str) -> None:
    made_by.sign(tmp_path, server, version)
    with pytest.raises(Fatal, match=f"made by {server} {version}, this is kafka 4.4.0; `make clean`"):
        made_by.check(tmp_path, "kafka", "4.4.0")
