from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.ids import AccountId
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms

DEMO, OTHER = AccountId("demo"), AccountId("other")
NUMBER = "+4790000001"
AT = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(FileKeyStore(tmp_path / "keys"))


def test_a_pseudonym_is_the_year_and_a_digest(pseudonyms: Pseudonyms) -> None:
    assert re.fullmatch(r"2026:[0-9a-f]{32}", pseudonyms.of(DEMO, NUMBER, AT))


def test_the_digest_is_hmac_sha_256_under_the_key_of_account_and_year(pseudonyms: Pseudonyms, tmp_path: Path) -> None:
    key = FileKeyStore(tmp_path / "keys").pseudonym_key(DEMO, 2026)
    assert pseudonyms.of(DEMO, NUMBER, AT) == f"2026:{hmac.digest(key, NUMBER.encode(), 'sha256')[:16].hex()}"


def test_a_pseudonym_is_the_same_for_every_process(pseudonyms: Pseudonyms, tmp_path: Path) -> None:
    elsewhere = Pseudonyms(FileKeyStore(tmp_path / "keys"))
    assert pseudonyms.of(DEMO, NUMBER, AT) == pseudonyms.of(DEMO, NUMBER, AT) == elsewhere.of(DEMO, NUMBER, AT)


def test_a_pseudonym_differs_by_account_year_and_number(pseudonyms: Pseudonyms) -> None:
    made = [
        pseudonyms.in_year(DEMO, NUMBER, 2026),
        pseudonyms.in_year(OTHER, NUMBER, 2026),
        pseudonyms.in_year(DEMO, NUMBER, 2027),
        pseudonyms.in_year(DEMO, "+4790000002", 2026),
    ]
    assert len({pseudonym.partition(":")[2] for pseudonym in made}) == 4


def test_a_pseudonym_is_searched_under_the_year_it_was_written_in(pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.in_year(DEMO, NUMBER, 2026) == pseudonyms.of(DEMO, NUMBER, AT)


def test_stores_do_not_share_pseudonyms(pseudonyms: Pseudonyms, tmp_path: Path) -> None:
    other = Pseudonyms(FileKeyStore(tmp_path / "other"))
    assert other.of(DEMO, NUMBER, AT) != pseudonyms.of(DEMO, NUMBER, AT)


def test_no_file_of_the_store_holds_the_number(pseudonyms: Pseudonyms, tmp_path: Path) -> None:
    pseudonyms.of(DEMO, NUMBER, AT)
    for path in (tmp_path / "keys").rglob("*"):
        assert b"9000" not in (path.read_bytes() if path.is_file() else b"") + path.name.encode()
