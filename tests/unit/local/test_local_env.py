"""`local.env` is there whole or not at all, for its owner alone, and a shell reads it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from deploy.local import local_env, private_files


def test_a_shell_reads_back_what_was_written(tmp_path: Path) -> None:
    values = {
        "PLAIN": "http://127.0.0.1:20000",
        "QUERY": "mongodb://127.0.0.1:20030/?replicaSet=rs0",
        "HARD": "it's $HOME & more",
    }
    path = tmp_path / "local.env"
    local_env.write(path, values)
    said = subprocess.run(
        ["sh", "-c", f'. {path}; printf "%s\\n" "$PLAIN" "$QUERY" "$HARD"'], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == list(values.values())


def test_ordinary_values_are_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "local.env"
    local_env.write(path, {"A": "mongodb://127.0.0.1:20030/?replicaSet=rs0"})
    assert path.read_text() == "A=mongodb://127.0.0.1:20030/?replicaSet=rs0\n"


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "local.env"
    path.write_text("old")
    path.chmod(0o644)
    local_env.write(path, {"A": "1"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "local.env"
    local_env.write(path, {"A": "old"})

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        local_env.write(path, {"A": "new"})
    assert path.read_text() == "A=old\n"


def test_a_leftover_of_such_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "local.env"
    (tmp_path / ".local.env.new").write_text("half")
    local_env.write(path, {"A": "1"})
    assert path.read_text() == "A=1\n"


def test_removing_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    local_env.remove(tmp_path / "local.env")


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret"
    made = iter(["first", "second"])
    assert [private_files.keep(path, lambda: next(made)) for _ in range(2)] == ["first", "first"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
