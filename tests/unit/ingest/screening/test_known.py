"""What three compacted topics tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.abuse import Signal, SignalChanged
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.kafka.record import Record
from shared.privacy.pseudonyms import Pseudonyms
from tests.unit.dispatch.building import ACCOUNT, NUMBER, START, Letters
from tests.unit.ingest.screening.building import Bench

OTHER = "+4791234567"


def opted_out(bench: Bench, letters: Letters, scope: str, at: datetime = START) -> str:
    """The key under which it stands."""
    pseudonym = Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, at)
    bench.told(
        OptOutRequested(account_id=ACCOUNT, scope=scope, pseudonym=pseudonym, at=at, source=OptOutSource.KEYWORD)
    )
    return opt_out_key(ACCOUNT, scope, pseudonym)


def tombstone(bench: Bench, key: bytes | None) -> None:
    bench.known.apply(Record("config.opt-outs", 0, 9, 0, key, None, ()), None)


def test_an_opt_out_is_from_every_sender_or_from_one(bench: Bench, letters: Letters) -> None:
    opted_out(bench, letters, "firma")

    assert bench.known.opted_out(ACCOUNT, NUMBER, "Firma")
    assert not bench.known.opted_out(ACCOUNT, NUMBER, "Budstikke")
    assert not bench.known.opted_out(ACCOUNT, OTHER, "Firma")
    opted_out(bench, letters, EVERY_SENDER)
    assert bench.known.opted_out(ACCOUNT, NUMBER, "Budstikke")


def test_an_opt_out_of_last_year_still_holds(bench: Bench, letters: Letters) -> None:
    opted_out(bench, letters, EVERY_SENDER, datetime(2024, 5, 1, tzinfo=UTC))
    opted_out(bench, letters, "firma", datetime(2025, 5, 1, tzinfo=UTC))

    assert bench.known.opted_out(ACCOUNT, NUMBER, "Budstikke")


def test_a_tombstone_takes_an_opt_out_back_and_one_that_cannot_be_read_is_nothing(
    bench: Bench, letters: Letters
) -> None:
    every, one = opted_out(bench, letters, EVERY_SENDER), opted_out(bench, letters, "firma")

    tombstone(bench, every.encode())
    tombstone(bench, b"strange")
    tombstone(bench, None)

    assert not bench.known.opted_out(ACCOUNT, NUMBER, "Budstikke")
    assert bench.known.opted_out(ACCOUNT, NUMBER, "Firma")
    tombstone(bench, one.encode())
    tombstone(bench, one.encode())
    assert not bench.known.opted_out(ACCOUNT, NUMBER, "Firma")


def signal(signal: Signal, on: bool) -> SignalChanged:
    return SignalChanged(account_id=ACCOUNT, signal=signal, on=on, window_start=START, value=1, threshold=1, at=START)


@pytest.mark.parametrize("which", Signal)
def test_a_signal_is_on_until_it_is_off_or_nobody_repeats_it(bench: Bench, which: Signal) -> None:
    assert bench.known.signals(ACCOUNT, START) == ()
    bench.told(signal(which, on=True))
    assert bench.known.signals(ACCOUNT, START + timedelta(minutes=4)) == (which,)
    assert bench.known.signals(ACCOUNT, START + timedelta(minutes=6)) == ()
    bench.told(signal(which, on=False))
    bench.told(signal(which, on=False))
    assert bench.known.signals(ACCOUNT, START) == ()


def test_each_signal_goes_on_and_off_by_itself(bench: Bench) -> None:
    bench.told(signal(Signal.VOLUME, on=True))
    bench.told(signal(Signal.FAILURES, on=True))
    assert bench.known.signals(ACCOUNT, START) == (Signal.FAILURES, Signal.VOLUME)
    bench.told(signal(Signal.VOLUME, on=False))
    assert bench.known.signals(ACCOUNT, START) == (Signal.FAILURES,)
