from __future__ import annotations

from pathlib import Path

import pytest

from cli.exits import Exit, Failure
from cli.settings import find_access
from tests.unit.cli.conftest import Run

API, KEY = "https://sms.example", "bsk_environment"


@pytest.fixture
def local_file(tmp_path: Path) -> Path:
    path = tmp_path / "var" / "local.env"
    path.parent.mkdir()
    path.write_text("# a local run\n\nBUDSTIKKE_API=http://127.0.0.1:8080\nBUDSTIKKE_KEY=bsk_local=\nOTHER=1\n")
    return path


def failure(**given: object) -> str:
    arguments = {"api": None, "key_file": None, "environment": {}, "local_file": Path("absent")} | given
    with pytest.raises(Failure) as caught:
        find_access(**arguments)  # type: ignore[arg-type]
    assert caught.value.exit_code is Exit.USAGE
    return caught.value.text


def test_the_environment_is_enough(local_file: Path) -> None:
    access = find_access(None, None, {"BUDSTIKKE_API": f"{API}/", "BUDSTIKKE_KEY": f"{KEY}\n"}, local_file)
    assert (access.api, access.key) == (API, KEY)


def test_options_win_over_the_environment(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("bsk_file\n")
    access = find_access("http://[::1]:1", key_file, {"BUDSTIKKE_API": API, "BUDSTIKKE_KEY": KEY})
    assert (access.api, access.key) == ("http://[::1]:1", "bsk_file")


def test_a_local_run_is_found_without_any_setting(local_file: Path) -> None:
    access = find_access(None, None, {}, local_file)
    assert (access.api, access.key) == ("http://127.0.0.1:8080", "bsk_local=")


def test_the_environment_may_name_a_key_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("bsk_file")
    environment = {"BUDSTIKKE_API": API, "BUDSTIKKE_KEY_FILE": str(tmp_path / "key")}
    assert find_access(None, None, environment).key == "bsk_file"


def test_a_local_key_is_not_shown_to_another_gateway(local_file: Path) -> None:
    assert "no API key" in failure(api=API, local_file=local_file)


def test_a_missing_address_names_the_three_ways_to_give_it() -> None:
    text = failure()
    assert "--api" in text
    assert "BUDSTIKKE_API" in text
    assert "make run" in text


def test_a_missing_key_names_the_ways_to_give_it() -> None:
    text = failure(api=API)
    assert "--key-file" in text
    assert "BUDSTIKKE_KEY" in text


@pytest.mark.parametrize("address", ["sms.example", "ftp://sms.example", "http://", "http://h:99999", "https://u:p@h"])
def test_a_malformed_address_is_wrong_usage(address: str) -> None:
    assert "must look like" in failure(api=address)


@pytest.mark.parametrize("key", ["two words", "blåbær", "line\nline"])
def test_a_malformed_key_is_wrong_usage_and_not_shown(key: str) -> None:
    text = failure(api=API, environment={"BUDSTIKKE_KEY": key})
    assert "characters" in text
    assert key not in text


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "absent") in failure(api=API, key_file=tmp_path / "absent")
    assert "no API key" in failure(api=API, key_file=Path("/dev/null"))


def test_the_key_is_not_in_the_representation() -> None:
    assert KEY not in repr(find_access(API, None, {"BUDSTIKKE_KEY": KEY}))


def test_the_command_says_what_is_missing_and_ends_as_wrong_usage(budstikke: Run) -> None:
    result = budstikke("send", "--to", "+4790000001", "--text", "Hei")
    assert result.exit_code == 2
    assert result.stderr.startswith("no gateway: give --api URL, set and export BUDSTIKKE_API")


def test_the_key_is_no_option(budstikke: Run) -> None:
    assert budstikke("status", "id", "--key", "bsk_argument").exit_code == 2
