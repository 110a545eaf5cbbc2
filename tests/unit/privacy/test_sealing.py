from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import ManualClock
from shared.errors import BadRecord, Refused
from shared.ids import AccountId
from shared.privacy.keys import FileKeyStore, Quarter, quarter_of
from shared.privacy.sealing import ERASED, TAKEN_OUT, Sealed, Sealer

DEMO, OTHER = AccountId("demo"), AccountId("other")
AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
NUMBER = "+4790000001"
TTL = 300.0


class CountingStore:
    """Keys in memory, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        self.asked += 1
        return f"{account:>20}{quarter:>12}".encode()

    def opening_key(self, account: AccountId, quarter: Quarter) -> bytes | None:
        return self.sealing_key(account, quarter)

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        return self.sealing_key(account, Quarter(year))

    def pseudonym_years(self, account: AccountId) -> tuple[int, ...]:
        return ()

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        raise AssertionError("not destroyed here")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.fixture
def sealer(store: FileKeyStore, clock: ManualClock) -> Sealer:
    return Sealer(store, clock, ttl=TTL)


@given(text=st.text(st.characters(exclude_categories=["Cs"])), subject=st.text(max_size=40))
def test_what_was_sealed_opens_to_the_same_text(text: str, subject: str) -> None:
    sealer = Sealer(CountingStore(), ManualClock(AT))
    sealed = sealer.seal(DEMO, subject, "content", text, AT)
    assert sealer.open(DEMO, subject, "content", sealed) == text
    assert len(sealed) == 31 + len(text.encode())


def test_the_same_text_seals_differently_each_time(sealer: Sealer) -> None:
    assert len({sealer.seal(DEMO, "m", "to", NUMBER, AT) for _ in range(20)}) == 20


def test_a_sealed_value_shows_neither_text_nor_number(sealer: Sealer) -> None:
    assert b"9000" not in bytes(sealer.seal(DEMO, "m", "to", NUMBER, AT))


def test_a_value_opens_in_a_later_quarter(sealer: Sealer, clock: ManualClock) -> None:
    sealed = sealer.seal(DEMO, "m", "to", NUMBER, AT)
    clock.advance(200 * 24 * 3600)
    assert sealer.open(DEMO, "m", "to", sealed) == NUMBER


@pytest.mark.parametrize(
    ("account", "subject", "field"), [(OTHER, "m", "to"), (DEMO, "n", "to"), (DEMO, "m", "content")]
)
def test_a_value_does_not_open_in_another_place(sealer: Sealer, account: AccountId, subject: str, field: str) -> None:
    sealed = sealer.seal(DEMO, "m", "to", NUMBER, AT)
    sealer.seal(OTHER, "m", "to", NUMBER, AT)
    with pytest.raises(BadRecord, match="bad_seal"):
        sealer.open(account, subject, field, sealed)


@given(position=st.integers(0, 41), bit=st.integers(0, 7))
def test_a_value_with_any_bit_turned_does_not_open(position: int, bit: int) -> None:
    sealer = Sealer(CountingStore(), ManualClock(AT))
    sealed = bytearray(sealer.seal(DEMO, "m", "to", NUMBER, AT))
    assert len(sealed) == 42
    sealed[position] ^= 1 << bit
    with pytest.raises(BadRecord, match="bad_seal") as caught:
        sealer.open(DEMO, "m", "to", Sealed(bytes(sealed)))
    assert NUMBER not in str(caught.value)


@given(st.binary(max_size=60).filter(lambda noise: noise != TAKEN_OUT))
def test_noise_is_no_sealed_value(noise: bytes) -> None:
    with pytest.raises(BadRecord, match="bad_seal"):
        Sealer(CountingStore(), ManualClock(AT)).open(DEMO, "m", "to", Sealed(noise))


def test_a_value_that_was_taken_out_says_that_it_was_erased(sealer: Sealer) -> None:
    assert sealer.open(DEMO, "m", "to", TAKEN_OUT) is ERASED


@pytest.mark.parametrize("length", [0, 1, 3, 15, 30, 41])
def test_a_value_cut_short_does_not_open(sealer: Sealer, length: int) -> None:
    sealed = sealer.seal(DEMO, "m", "to", NUMBER, AT)
    with pytest.raises(BadRecord, match="bad_seal"):
        sealer.open(DEMO, "m", "to", Sealed(sealed[:length]))


def test_a_destroyed_key_erases_what_it_sealed_once_every_cache_has_forgotten_it(
    sealer: Sealer, tmp_path: Path, clock: ManualClock
) -> None:
    elsewhere = Sealer(FileKeyStore(tmp_path / "keys"), clock, ttl=TTL)
    sealed = sealer.seal(DEMO, "m", "to", NUMBER, AT)
    assert elsewhere.open(DEMO, "m", "to", sealed) == NUMBER

    FileKeyStore(tmp_path / "keys").destroy(DEMO, quarter_of(AT))
    clock.advance(TTL + 0.001)

    for each in (sealer, elsewhere):
        assert each.open(DEMO, "m", "to", sealed) is ERASED
        assert each.open(DEMO, "m", "to", sealed) is ERASED


def test_what_is_erased_stays_erased_when_somebody_seals_again(
    sealer: Sealer, store: FileKeyStore, clock: ManualClock
) -> None:
    sealed = sealer.seal(DEMO, "m", "to", NUMBER, AT)
    store.destroy(DEMO, quarter_of(AT))
    clock.advance(TTL + 0.001)
    with pytest.raises(Refused, match="key_destroyed"):
        sealer.seal(DEMO, "m", "to", NUMBER, AT)
    assert sealer.open(DEMO, "m", "to", sealed) is ERASED


def test_a_key_that_never_was_reads_as_erased(sealer: Sealer) -> None:
    elsewhere = Sealer(CountingStore(), ManualClock(AT))
    assert sealer.open(DEMO, "m", "to", elsewhere.seal(DEMO, "m", "to", NUMBER, AT)) is ERASED


def test_erased_says_nothing_but_that() -> None:
    assert repr(ERASED) == "<erased>"


def test_a_key_is_asked_for_once_within_its_time(clock: ManualClock) -> None:
    store = CountingStore()
    sealer = Sealer(store, clock, ttl=TTL)
    for _ in range(10):
        sealer.open(DEMO, "m", "to", sealer.seal(DEMO, "m", "to", NUMBER, AT))
    assert store.asked == 1
    clock.advance(TTL + 0.001)
    sealer.seal(DEMO, "m", "to", NUMBER, AT)
    assert store.asked == 2


def test_the_cache_of_keys_is_bounded(clock: ManualClock) -> None:
    store = CountingStore()
    sealer = Sealer(store, clock, size=2)
    for account in ("a", "b", "c", "b", "c", "a"):
        sealer.seal(AccountId(account), "m", "to", NUMBER, AT)
    assert store.asked == 4


def test_no_file_of_the_store_holds_a_number_or_a_text(sealer: Sealer, tmp_path: Path) -> None:
    sealer.seal(DEMO, "m", "to", NUMBER, AT)
    sealer.seal(DEMO, "m", "content", "Koden er 4711", AT)
    for path in (tmp_path / "keys").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"9000" not in content + path.name.encode()
        assert b"4711" not in content + path.name.encode()
