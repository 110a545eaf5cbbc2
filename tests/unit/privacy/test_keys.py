from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadSettings, Refused
from shared.ids import AccountId
from shared.privacy.keys import FileKeyStore, Quarter, quarter_of

ROOT = Path(__file__).resolve().parents[3]
DEMO, OTHER = AccountId("demo"), AccountId("other")
Q = Quarter(107)

ASK = """
import sys
from pathlib import Path
from shared.ids import AccountId
from shared.privacy.keys import FileKeyStore, Quarter

sys.stdin.read()
store = FileKeyStore(Path(sys.argv[1]))
print(store.sealing_key(AccountId("demo"), Quarter(107)).hex(), store.pseudonym_key(AccountId("demo"), 2026).hex())
"""


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.mark.parametrize(
    ("at", "quarter"),
    [
        ("2000-01-01T00:00:00Z", 0),
        ("2026-03-31T23:59:59.999999Z", 104),
        ("2026-04-01T00:00:00Z", 105),
        ("2026-12-31T23:59:59Z", 107),
        ("2027-01-01T00:00:00Z", 108),
    ],
)
def test_a_quarter_is_counted_from_the_year_2000(at: str, quarter: int) -> None:
    assert quarter_of(datetime.fromisoformat(at)) == quarter


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_quarters_fit_two_octets_and_follow_time(at: datetime) -> None:
    assert 0 <= quarter_of(at) < 1 << 16
    assert quarter_of(at) <= quarter_of(at.replace(month=12)) <= quarter_of(at) + 3


def test_a_key_stays_the_same_for_whoever_opens_the_store(store: FileKeyStore, tmp_path: Path) -> None:
    key = store.sealing_key(DEMO, Q)
    assert len(key) == 32
    assert store.sealing_key(DEMO, Q) == store.opening_key(DEMO, Q) == key
    assert FileKeyStore(tmp_path / "keys").opening_key(DEMO, Q) == key


def test_accounts_quarters_and_uses_have_keys_of_their_own(store: FileKeyStore) -> None:
    keys = {
        store.sealing_key(DEMO, Q),
        store.sealing_key(OTHER, Q),
        store.sealing_key(DEMO, Quarter(2026)),
        store.pseudonym_key(DEMO, 2026),
        store.pseudonym_key(DEMO, 2027),
        store.pseudonym_key(OTHER, 2026),
    }
    assert len(keys) == 6


def test_asking_for_an_opening_key_makes_none(store: FileKeyStore, tmp_path: Path) -> None:
    assert store.opening_key(DEMO, Q) is None
    assert not (tmp_path / "keys" / "demo").exists()


def test_processes_that_ask_at_once_get_one_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in asking:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = [process.communicate(timeout=60)[0] for process in asking]
    assert [process.returncode for process in asking] == [0] * 4
    assert len(set(answers)) == 1
    assert sorted(path.name for path in folder.rglob("*")) == ["demo", "master", "p2026.key", "q107.key"]


def test_a_destroyed_key_is_gone_for_ever(store: FileKeyStore, tmp_path: Path) -> None:
    store.sealing_key(DEMO, Q)
    store.destroy(DEMO, Q)
    store.destroy(DEMO, Q)
    for each in (store, FileKeyStore(tmp_path / "keys")):
        assert each.opening_key(DEMO, Q) is None
        with pytest.raises(Refused, match="key_destroyed"):
            each.sealing_key(DEMO, Q)
    assert store.sealing_key(DEMO, Quarter(Q + 1))
    assert store.sealing_key(OTHER, Q)


def test_a_key_that_never_was_can_be_destroyed_ahead(store: FileKeyStore) -> None:
    store.destroy(DEMO, Q)
    with pytest.raises(Refused, match="key_destroyed"):
        store.sealing_key(DEMO, Q)


def test_only_the_owner_may_read_the_files(store: FileKeyStore, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store.sealing_key(DEMO, Q)
        store.pseudonym_key(DEMO, 2026)
        store.destroy(DEMO, Quarter(1))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "keys", *(tmp_path / "keys").rglob("*")]}
    assert modes == {
        "keys": 0o700,
        "demo": 0o700,
        "master": 0o600,
        "q107.key": 0o600,
        "p2026.key": 0o600,
        "q1.key": 0o600,
    }


def test_no_key_lies_in_the_clear(store: FileKeyStore, tmp_path: Path) -> None:
    keys = [store.sealing_key(DEMO, Q), store.pseudonym_key(DEMO, 2026)]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "keys").rglob("*.key"))
    assert len(stored) == 80
    assert all(key not in stored for key in keys)


def test_a_key_wrapped_by_another_master_stops_the_process(store: FileKeyStore, tmp_path: Path) -> None:
    store.sealing_key(DEMO, Q)
    (tmp_path / "keys" / "master").write_bytes(bytes(32))
    other = FileKeyStore(tmp_path / "keys")
    for ask in (other.sealing_key, other.opening_key):
        with pytest.raises(BadSettings, match="BUDSTIKKE_KEY_STORE"):
            ask(DEMO, Q)


@pytest.mark.parametrize("length", [1, 39, 41])
def test_a_damaged_key_stops_the_process(store: FileKeyStore, tmp_path: Path, length: int) -> None:
    store.sealing_key(DEMO, Q)
    (tmp_path / "keys/demo/q107.key").write_bytes(bytes(length))
    with pytest.raises(BadSettings, match="bad_key_store"):
        store.opening_key(DEMO, Q)


def test_a_master_of_the_wrong_length_stops_the_process(tmp_path: Path) -> None:
    (tmp_path / "master").write_bytes(b"short")
    with pytest.raises(BadSettings, match="wrong length"):
        FileKeyStore(tmp_path)


def test_a_folder_that_cannot_be_used_is_a_bad_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadSettings, match="BUDSTIKKE_KEY_STORE cannot be used"):
        FileKeyStore(tmp_path / "file")
    with pytest.raises(BadSettings, match="BUDSTIKKE_KEY_STORE cannot be used"):
        FileKeyStore(tmp_path / "file" / "below")


@pytest.mark.parametrize("account", ["", "..", "../demo", "a/b", "a.b", "-", "a|b", "a\0b"])
def test_an_account_cannot_leave_its_folder(store: FileKeyStore, account: str) -> None:
    with pytest.raises(ValueError, match="account id"):
        store.sealing_key(AccountId(account), Q)


def test_the_years_of_an_accounts_pseudonyms_are_those_that_have_a_key(store: FileKeyStore) -> None:
    for year in (2026, 2024):
        store.pseudonym_key(AccountId("demo"), year)
    store.sealing_key(AccountId("demo"), Q)
    assert store.pseudonym_years(AccountId("demo")) == (2024, 2026)
    assert store.pseudonym_years(AccountId("other")) == ()


def test_the_quarters_of_an_account_are_those_that_had_a_key(store: FileKeyStore) -> None:
    assert store.quarters(DEMO) == {}
    for quarter in (Q, Quarter(Q + 1), Quarter(0)):
        store.sealing_key(DEMO, quarter)
    store.pseudonym_key(DEMO, 2026)
    store.destroy(DEMO, Q)
    assert store.quarters(DEMO) == {0: True, Q: False, Q + 1: True}
