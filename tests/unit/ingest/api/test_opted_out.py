"""Who has opted out is refused at the door, each recipient by itself."""

from __future__ import annotations

from pathlib import Path

from shared.contracts import topics
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.ids import AccountId
from shared.kafka.record import Record
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from tests.unit.ingest.api.door import START, Door

NUMBER, OTHER = "+4799999999", "+4799999998"


def opt_out(door: Door, keys: Path, scope: str = EVERY_SENDER, account: str = "acme") -> Record:
    """Somebody opts out; the record that takes it back."""
    account_id = AccountId(account)
    pseudonym = Pseudonyms(FileKeyStore(keys)).of(account_id, NUMBER, START)
    key = opt_out_key(account_id, scope, pseudonym).encode()
    event = OptOutRequested(
        account_id=account_id, scope=scope, pseudonym=pseudonym, at=START, source=OptOutSource.KEYWORD
    )
    record = Record(topics.OPT_OUTS, 0, 0, 0, key, None, ())
    door.opt_outs.apply(record, event)
    return record


async def test_one_of_two_has_a_verdict_and_the_other_a_message(door: Door, tmp_path: Path) -> None:
    opt_out(door, tmp_path)
    answer = await door.post({"to": [NUMBER, OTHER], "text": "Hei"})
    first, second = answer.json()["messages"]
    assert (answer.status_code, first["state"], first["error"]["code"]) == (202, "rejected", "opted_out")
    assert (first["id"], second["error"]) == (None, None)
    assert len(door.broker.records) == 1


async def test_when_all_have_opted_out_the_request_is_refused_and_nothing_is_written(
    door: Door, tmp_path: Path
) -> None:
    opt_out(door, tmp_path)
    answer = await door.post({"to": NUMBER, "text": "Hei"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "no_valid_recipient")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/to", "opted_out")]
    assert NUMBER not in answer.text
    assert not door.broker.records


async def test_an_opt_out_of_one_sender_or_of_another_account_stops_nothing_else(door: Door, tmp_path: Path) -> None:
    opt_out(door, tmp_path, "skolen")
    opt_out(door, tmp_path, account="other")
    assert (await door.post({"to": NUMBER, "text": "Hei"})).status_code == 202
    assert (await door.post({"to": NUMBER, "text": "Hei", "from": "Skolen"})).status_code == 422


async def test_who_has_consented_anew_is_sent_to(door: Door, tmp_path: Path) -> None:
    tombstone = opt_out(door, tmp_path)
    door.opt_outs.apply(tombstone, None)
    assert (await door.post({"to": NUMBER, "text": "Hei"})).status_code == 202


async def test_a_dry_run_tells_it_too(door: Door, tmp_path: Path) -> None:
    opt_out(door, tmp_path)
    answer = await door.post({"to": [NUMBER, OTHER], "text": "Hei"}, "/v1/messages?dry_run=true")
    assert answer.json()["messages"][0]["error"]["code"] == "opted_out"
