"""An own operators file is refused before anything starts, by its name, the place in it and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.operators import names, read
from shared.errors import BadSettings

GOOD = """
operators:
  berg:
    links:
      - {name: berg-1, host: smsc.example, port: 2775, system_id: us, password_env: BERG_PASSWORD}
  dal:
    links:
      - {name: dal-1, host: smsc.example, port: 2776, system_id: us, password_env: DAL_PASSWORD}
routes:
  - {prefix: "+", operator: berg}
"""
PASSWORDS = {"BERG_PASSWORD": "hemmelig", "DAL_PASSWORD": "hemmelig"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_read_as_it_stands(path: Path) -> None:
    assert read(path, PASSWORDS) == GOOD
    assert names(path) == ("berg", "dal")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "host: smsc.example, port: 2775",
            "port: 2775",
            "missing required field `host` - at `$.operators[...].links[0]`",
        ),
        ("port: 2775", "port: many", "Expected `int`, got `str` - at `$.operators[...].links[0].port`"),
        ("operator: berg", "operator: nobody", "unknown operator - at `$.routes[0]`"),
        ("  dal:", "  test:", "the name `test` is taken - at `$.operators.test`"),
        ("port: 2775", "port: @PORT@", "not valid YAML"),
    ],
)
def test_a_bad_file_is_refused(path: Path, old: str, new: str, says: str) -> None:
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(BadSettings) as caught:
        read(path, PASSWORDS)
    assert caught.value.detail.startswith(f"{path}: ")
    assert says in caught.value.detail
    assert "BUDSTIKKE_OPERATORS" not in caught.value.detail


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        read(tmp_path / "none.yaml", {})
    assert caught.value.detail == f"{tmp_path}/none.yaml: cannot be read (No such file or directory)"


def test_a_password_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        read(path, {"BERG_PASSWORD": "hemmelig"})
    assert caught.value.detail == f"{path}: DAL_PASSWORD: the password of link dal-1 is not set"
