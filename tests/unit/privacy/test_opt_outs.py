"""The table behind `config.opt-outs`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.ids import AccountId
from shared.kafka.record import Output, Record
from shared.privacy.keys import FileKeyStore
from shared.privacy.opt_outs import OptOuts, read_opt_out
from shared.privacy.pseudonyms import Pseudonyms

ACME, OTHER = AccountId("acme"), AccountId("other")
NUMBER, NEIGHBOUR = "+4790000001", "+4790000002"
AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Bench:
    """The topic, and a table that follows it."""

    def __init__(self, directory: Path) -> None:
        self.pseudonyms = Pseudonyms(FileKeyStore(directory))
        self.table = OptOuts(self.pseudonyms)

    def opt_out(self, scope: str = EVERY_SENDER, *, account: AccountId = ACME, at: datetime = AT) -> str:
        """Somebody opts out; the key of the record."""
        pseudonym = self.pseudonyms.of(account, NUMBER, at)
        key = opt_out_key(account, scope, pseudonym)
        event = OptOutRequested(
            account_id=account, scope=scope, pseudonym=pseudonym, at=at, source=OptOutSource.KEYWORD
        )
        output = Writer("/budstikke/dlr/inbound").output(topics.OPT_OUTS, 0, event, event_id="e", time=at, subject=key)
        record = record_of(output)
        self.table.apply(record, read_opt_out(record))
        return key

    def opt_in(self, key: str) -> None:
        self.table.apply(record_of(Output(topics.OPT_OUTS, 0, key.encode(), None)), None)


def record_of(output: Output) -> Record:
    return Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_opt_out_of_everything_covers_every_sender_of_that_account_for_that_person(bench: Bench) -> None:
    bench.opt_out()
    assert bench.table.covers(ACME, NUMBER, "Skolen")
    assert not bench.table.covers(ACME, NEIGHBOUR, "Skolen")
    assert not bench.table.covers(OTHER, NUMBER, "Skolen")


def test_an_opt_out_of_one_sender_covers_that_one_however_it_is_written(bench: Bench) -> None:
    bench.opt_out("skolen")
    assert bench.table.covers(ACME, NUMBER, "SKOLEN")
    assert not bench.table.covers(ACME, NUMBER, "Demo")


def test_it_holds_over_the_years(bench: Bench) -> None:
    bench.opt_out(at=datetime(2024, 2, 29, tzinfo=UTC))
    bench.opt_out("skolen")
    assert bench.table.covers(ACME, NUMBER, "Demo")


def test_it_is_taken_back_by_a_tombstone_alone_however_often_it_was_told(bench: Bench) -> None:
    key, kept = bench.opt_out(), bench.opt_out("skolen")
    bench.opt_out()
    changes = bench.table.changes
    bench.opt_in(key)
    assert not bench.table.covers(ACME, NUMBER, "Demo")
    assert bench.table.covers(ACME, NUMBER, "Skolen")
    bench.opt_in(kept)
    bench.opt_in(kept)
    assert not bench.table.covers(ACME, NUMBER, "Skolen")
    assert bench.table.changes == changes + 3


@pytest.mark.parametrize("key", ["", "acme", "acme|*", "acme|*|x|y"])
def test_a_tombstone_with_an_unreadable_key_takes_nothing_back(bench: Bench, key: str) -> None:
    bench.opt_out()
    bench.opt_in(key)
    assert bench.table.covers(ACME, NUMBER, "Demo")
