"""Requests become accepted messages, held or delayed ones, or facts that say why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account, Sending
from shared.contracts.abuse import Signal, SignalChanged
from shared.contracts.events import HoldRelease, MessageAccepted, PartFact, SendRequested
from shared.contracts.holds import DelayRule, Finding, HoldRule, MessageDelayed, MessageHeld
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.contracts.words import AccountState, Category, FactKind, Lane
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.kafka.record import header
from shared.privacy.keys import Quarter
from shared.privacy.pseudonyms import Pseudonyms
from shared.text.segments import Coding
from tests.unit.dispatch.building import ACCOUNT, NUMBER, START, Letters, record_of
from tests.unit.ingest.screening.building import Bench, account, again, asked, event, ids

LINK = "Se https://lodd.example/x"
OPTED_OUT = "+4791234567"


def opt_out(bench: Bench, letters: Letters) -> None:
    """Whoever has that number wants no more from the account."""
    pseudonym = Pseudonyms(letters.keys).of(ACCOUNT, OPTED_OUT, START)
    wish = OptOutRequested(
        account_id=ACCOUNT, scope=EVERY_SENDER, pseudonym=pseudonym, at=START, source=OptOutSource.KEYWORD
    )
    bench.told(wish, "config.opt-outs", opt_out_key(ACCOUNT, EVERY_SENDER, pseudonym))


async def test_a_request_that_passes_becomes_a_message(bench: Bench, letters: Letters) -> None:
    received = asked(letters, partition=3, lane=Lane.EXPRESS, reference="order 7", flash=True)
    request = received.event

    outputs = await bench(received)

    (output,) = outputs
    message = event(output)
    assert isinstance(message, MessageAccepted)
    assert (output.topic, output.partition, output.key) == ("sms.accepted.express", 3, request.message_id.encode())
    assert ids(outputs) == [f"{request.message_id}:accepted"]
    assert header(record_of(output), "traceparent") == b"00-ab-cd-01"
    assert {name: getattr(message, name) for name in SendRequested.__struct_fields__} == {
        name: getattr(request, name) for name in SendRequested.__struct_fields__
    }
    assert (message.coding, message.parts, message.country, message.accepted_at) == (Coding.GSM7, 1, "NO", START)
    assert message.pseudonym == Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, START)


async def test_a_number_that_is_not_e164_is_written_so_and_sealed_again(bench: Bench, letters: Letters) -> None:
    (message,) = await bench.events(asked(letters, number="987 65 432", sender="22222222"))

    assert isinstance(message, MessageAccepted)
    assert letters.sealer.open(ACCOUNT, message.message_id, "to", message.to) == NUMBER
    assert message.pseudonym == Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, START)
    assert message.sender == "+4722222222"


@pytest.mark.parametrize(
    ("changes", "told", "kind", "code"),
    [
        ({"number": "2097"}, {}, FactKind.REJECTED, "invalid_number"),
        ({"text": "x" * 2000}, {}, FactKind.REJECTED, "invalid_text"),
        ({"sender": "?"}, {}, FactKind.REJECTED, "invalid_sender"),
        ({"sender": "DNB"}, {}, FactKind.REJECTED, "sender_not_registered"),
        ({"valid_until": START}, {}, FactKind.EXPIRED, "validity_over"),
        ({}, {"state": AccountState.SUSPENDED}, FactKind.REJECTED, "account_suspended"),
        ({}, {"state": AccountState.CLOSED}, FactKind.REJECTED, "account_suspended"),
        ({"lane": Lane.BULK}, {"stopped_lanes": (Lane.BULK,)}, FactKind.REJECTED, "lane_suspended"),
        ({}, {"stopped_senders": ("Budstikke",)}, FactKind.REJECTED, "sender_suspended"),
        ({"number": OPTED_OUT}, {}, FactKind.REJECTED, "opted_out"),
    ],
)
async def test_a_request_that_does_not_pass_becomes_a_fact(
    bench: Bench, letters: Letters, changes: dict[str, Any], told: dict[str, Any], kind: FactKind, code: str
) -> None:
    bench.told(account(version=2, **told))
    opt_out(bench, letters)
    received = asked(letters, test=True, **changes)
    message_id = received.event.message_id

    outputs = await bench(received)

    (output,) = outputs
    fact = event(output)
    assert isinstance(fact, PartFact)
    assert (output.topic, output.key) == ("sms.facts", message_id.encode())
    assert ids(outputs) == [f"{message_id}:screening:{kind}"]
    assert (fact.kind, fact.code, fact.part, fact.parts, fact.test) == (kind, code, 0, 1, True)
    assert fact.cause == f"{message_id}:requested"
    assert bench.counters.used == {}


async def test_an_erased_request_is_rejected(bench: Bench, letters: Letters, registry: CollectorRegistry) -> None:
    received = asked(letters)
    letters.keys.destroy(ACCOUNT, Quarter(104))

    (fact,) = await bench.events(received)

    assert isinstance(fact, PartFact)
    assert (fact.kind, fact.code) == (FactKind.REJECTED, "erased")
    labels = {"verdict": "reject", "rule": "erased"}
    assert registry.get_sample_value("budstikke_screening_verdicts_total", labels) == 1


async def test_a_value_sealed_for_another_message_is_a_bad_record(bench: Bench, letters: Letters) -> None:
    other = asked(letters).event

    with pytest.raises(BadRecord, match="bad_seal"):
        await bench(asked(letters, content=other.content))


async def test_a_batch_handled_twice_gives_the_same_octets_and_counts_once(bench: Bench, letters: Letters) -> None:
    batch = [
        asked(letters),
        asked(letters, number="2097"),
        asked(letters, text="ж" * 90),
        asked(letters, text=LINK),
        asked(letters),
    ]

    assert await bench(*batch) == await bench(*batch)
    assert bench.counters.used == {("2026-03", ACCOUNT): 3}
    assert bench.tallies.take() == {ACCOUNT: [3, 1, 1, 0]}


async def test_while_much_is_refused_the_rest_is_held_and_being_late_is_no_refusal(
    bench: Bench, letters: Letters
) -> None:
    bench.told(
        SignalChanged(
            account_id=ACCOUNT, signal=Signal.FAILURES, on=True, window_start=START, value=60, threshold=50, at=START
        )
    )

    outputs = await bench(asked(letters), asked(letters, sender="?"), asked(letters, valid_until=START))

    held = [one for one in map(event, outputs) if isinstance(one, MessageHeld)]
    assert [one.findings for one in held] == [(Finding(rule=HoldRule.UNUSUAL_VOLUME, evidence=("failures",)),)]
    assert bench.tallies.take() == {ACCOUNT: [0, 1, 1, 0]}


async def test_outputs_hold_no_number_and_no_text_in_the_clear(bench: Bench, letters: Letters) -> None:
    outputs = await bench(
        asked(letters, text="hemmelig"),
        asked(letters, text="hemmelig", sender="?"),
        asked(letters, text="hemmelig lodd.no"),
    )

    octets = b"".join((output.value or b"") + repr(output.headers).encode() for output in outputs)
    assert b"98765432" not in octets
    assert b"hemmelig" not in octets


async def test_a_held_request_goes_to_the_desk_whole_and_its_state_is_told(bench: Bench, letters: Letters) -> None:
    received = asked(letters, text=LINK, partition=2)
    request = received.event

    outputs = await bench(received)

    held, fact = [event(output) for output in outputs]
    assert isinstance(held, MessageHeld)
    assert isinstance(fact, PartFact)
    assert [output.topic for output in outputs] == ["sms.holds", "sms.facts"]
    assert [output.partition for output in outputs] == [2, 2]
    assert held.request == request
    assert held.findings == (Finding(rule=HoldRule.UNAPPROVED_LINK, evidence=("lodd.example",)),)
    assert (held.held_at, held.expires_at) == (START, request.valid_until)
    assert held.pseudonym == Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, START)
    assert outputs[0].key == held.hold_id.encode()
    assert ids(outputs) == [
        f"{request.message_id}:held:{held.hold_id}",
        f"{request.message_id}:screening:held:{held.hold_id}",
    ]
    assert (fact.kind, fact.code) == (FactKind.HELD, None)


async def hold_of(bench: Bench, letters: Letters, **changes: Any) -> str:
    held, _ = await bench.events(asked(letters, **{"text": LINK, **changes}))
    assert isinstance(held, MessageHeld)
    return held.hold_id


async def test_messages_are_grouped_by_account_rule_evidence_and_hour_or_by_send_out(
    bench: Bench, letters: Letters
) -> None:
    one = await hold_of(bench, letters)
    later = START.replace(minute=59)
    next_hour = START.replace(hour=13)

    assert await hold_of(bench, letters, requested_at=later, lane=Lane.BULK) == one
    assert await hold_of(bench, letters, requested_at=next_hour) != one
    assert await hold_of(bench, letters, text="Se lodd.no") != one
    batch = await hold_of(bench, letters, batch_id="b1")
    assert batch != one
    assert await hold_of(bench, letters, batch_id="b1", requested_at=next_hour) == batch
    assert await hold_of(bench, letters, batch_id="b2") != batch


async def test_what_was_released_passes_without_the_decided_rule_and_says_so(bench: Bench, letters: Letters) -> None:
    release = HoldRelease(hold_id="hold_1", by="k", rules=(HoldRule.UNAPPROVED_LINK,))

    (message,) = await bench.events(asked(letters, text=LINK, hold_release=release, event="released:hold_1"))

    assert isinstance(message, MessageAccepted)
    assert message.verdicts == ("hold_1",)
    assert bench.counters.used == {("2026-03", ACCOUNT): 1}


async def test_a_repeat_of_what_is_decided_is_dropped_a_replay_is_not(bench: Bench, letters: Letters) -> None:
    received = asked(letters)
    await bench(received)

    assert await bench(again(received)) == []
    assert len(await bench(received)) == 1
    assert bench.counters.used == {("2026-03", ACCOUNT): 1}


async def test_a_repeat_in_the_same_batch_is_dropped(bench: Bench, letters: Letters) -> None:
    received = asked(letters)

    assert len(await bench(received, again(received))) == 1


async def test_what_exceeds_the_month_is_held_and_a_decision_lets_it_through(letters: Letters) -> None:
    bench = Bench(letters, cap=2)
    batch = [asked(letters) for _ in range(3)]

    outputs = [event(output) for output in await bench(*batch)]

    assert [type(one) for one in outputs] == [MessageAccepted, MessageAccepted, MessageHeld, PartFact]
    held = outputs[2]
    assert isinstance(held, MessageHeld)
    assert held.findings == (Finding(rule=HoldRule.MONTHLY_CAP, evidence=("2026-03",)),)
    release = HoldRelease(hold_id=held.hold_id, by="k", rules=(HoldRule.MONTHLY_CAP,))
    (message,) = await bench.events(asked(letters, hold_release=release, event=f"released:{held.hold_id}"))
    assert isinstance(message, MessageAccepted)
    assert bench.counters.used == {("2026-03", ACCOUNT): 3}


async def test_marketing_at_night_waits_and_is_asked_again_in_the_morning(bench: Bench, letters: Letters) -> None:
    bench.told(account(version=2, quiet_from=20, quiet_to=8))
    bench.clock.advance(10 * 3600)
    until = datetime(2026, 3, 3, 7, tzinfo=UTC)
    valid = datetime(2026, 3, 4, tzinfo=UTC)
    received = asked(letters, category=Category.MARKETING, lane=Lane.BULK, valid_until=valid)

    outputs = await bench(received)

    delayed, fact = [event(output) for output in outputs]
    assert isinstance(delayed, MessageDelayed)
    assert isinstance(fact, PartFact)
    assert (delayed.request, delayed.rule, delayed.due_at) == (received.event, DelayRule.QUIET_HOURS, until)
    assert [output.topic for output in outputs] == ["sms.scheduled", "sms.facts"]
    assert fact.kind is FactKind.SCHEDULED
    message_id = received.event.message_id
    assert ids(outputs) == [
        f"{message_id}:delayed:{until.isoformat()}",
        f"{message_id}:screening:scheduled:{until.isoformat()}",
    ]
    assert bench.counters.used == {}

    bench.clock.advance(9 * 3600)
    (message,) = await bench.events(
        asked(letters, category=Category.MARKETING, lane=Lane.BULK, valid_until=valid, event="due")
    )
    assert isinstance(message, MessageAccepted)


async def test_an_account_that_no_topic_told_of_is_looked_up(bench: Bench, letters: Letters) -> None:
    other = AccountId("skole")
    bench.stored[other] = Account(other, "Skole", default_sender="Skole", sending=Sending(("Klassen",)), version=1)

    async def sent(account_id: AccountId, sender: str) -> object:
        seal = letters.sealer.seal
        name = asked(letters).event.message_id
        fields = {
            "to": seal(account_id, name, "to", NUMBER, START),
            "content": seal(account_id, name, "content", "a", START),
        }
        (output,) = await bench.events(asked(letters, message_id=name, account_id=account_id, sender=sender, **fields))
        return getattr(output, "code", "accepted")

    assert await sent(other, "Klassen") == "accepted"
    assert await sent(other, "Andre") == "sender_not_registered"
    assert await sent(AccountId("ukjent"), "Skole") == "account_suspended"


async def test_what_is_told_of_an_account_later_decides(bench: Bench, letters: Letters) -> None:
    bench.told(account(version=3, state=AccountState.SUSPENDED))
    bench.told(account(version=2))

    (fact,) = await bench.events(asked(letters))

    assert isinstance(fact, PartFact)
    assert fact.code == "account_suspended"
