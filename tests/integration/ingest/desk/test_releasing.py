"""Messages wait until somebody decides, their time has come, or their validity is over; crashes change none of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from services.ingest.desk import releasing
from services.ingest.desk.decisions import HoldCode
from services.ingest.desk.rows import Hold, HoldState, Waiting
from shared.contracts.events import HoldRelease, PartFact, SendRequested
from shared.contracts.holds import Decision, Finding, HoldDecided, HoldRule, MessageHeld
from shared.contracts.words import FactKind, Lane
from shared.errors import Refused
from shared.ids import AccountId
from shared.kafka.record import Received
from tests.integration.ingest.desk.conftest import LINK, Crash, Desk
from tests.unit.dispatch.building import ACCOUNT, START, Letters
from tests.unit.ingest.screening.building import Bench, event


async def test_nothing_is_let_go_before_somebody_decides(desk: Desk) -> None:
    await desk.took(desk.held(), desk.held())

    assert await desk.releasing().work() == 0
    assert desk.sent == []


async def test_approval_sends_the_request_once_more_with_what_was_decided(desk: Desk) -> None:
    held = [desk.held(lane=Lane.BULK, partition=number) for number in range(3)]
    hold_id = held[0].hold_id
    await desk.took(*held)
    await desk.approve(hold_id)

    assert await desk.releasing().work() == 3

    assert [output.topic for output in desk.sent] == ["sms.holds", *["sms.facts"] * 3, *["sms.requests.bulk"] * 3]
    decision = desk.events()[0]
    assert isinstance(decision, HoldDecided)
    assert (decision.hold_id, decision.decision, decision.by) == (hold_id, Decision.APPROVED, "console")
    assert await desk.releasing().work() == 0
    assert desk.sent == []


async def test_what_is_sent_once_more_is_the_request_as_it_came_but_for_the_release(desk: Desk) -> None:
    held = desk.held(reference="r1", partition=2)
    await desk.took(held)
    await desk.approve(held.hold_id)
    await desk.releasing().work()

    (request,), (fact,) = desk.requests(), desk.facts()
    release = HoldRelease(hold_id=held.hold_id, by="console", rules=(HoldRule.UNAPPROVED_LINK,))
    assert request.hold_release == release
    assert {name: getattr(request, name) for name in SendRequested.__struct_fields__ if name != "hold_release"} == {
        name: getattr(held.request, name) for name in SendRequested.__struct_fields__ if name != "hold_release"
    }
    message_id = held.request.message_id
    assert desk.ids() == [
        f"{held.hold_id}:decided",
        f"{message_id}:desk:released:{held.hold_id}",
        f"{message_id}:released:{held.hold_id}",
    ]
    assert (fact.kind, fact.cause) == (FactKind.RELEASED, f"{held.hold_id}:decided")
    assert {output.partition for output in desk.sent[1:]} == {2}


async def test_rules_of_an_earlier_hold_stay_decided(desk: Desk) -> None:
    before = HoldRelease(hold_id="hold_before", by="k", rules=(HoldRule.MONTHLY_CAP,))
    held = desk.held(hold_release=before)
    await desk.took(held)
    await desk.approve(held.hold_id)
    await desk.releasing().work()

    (request,) = desk.requests()
    assert request.hold_release is not None
    assert request.hold_release.rules == (HoldRule.MONTHLY_CAP, HoldRule.UNAPPROVED_LINK)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (HoldRule.UNAPPROVED_LINK, "url_not_approved"),
        (HoldRule.MONTHLY_CAP, "quota_exceeded"),
        (HoldRule.UNUSUAL_VOLUME, "not_approved"),
    ],
)
async def test_rejection_tells_why_and_sends_nothing(desk: Desk, rule: HoldRule, code: str) -> None:
    held = desk.held(findings=(Finding(rule=rule, evidence=("x.example",)),))
    await desk.took(held)
    await desk.reject(held.hold_id)

    assert await desk.releasing().work() == 1

    (fact,) = desk.facts()
    assert (fact.kind, fact.code, fact.account_id) == (FactKind.REJECTED, code, ACCOUNT)
    assert desk.requests() == []


async def test_what_comes_to_a_decided_hold_follows_the_decision(desk: Desk) -> None:
    first, late = desk.held(), desk.held()
    await desk.took(first)
    await desk.approve(first.hold_id)
    await desk.releasing().work()
    desk.events()

    await desk.took(late)
    assert await desk.releasing().work() == 1

    assert [request.message_id for request in desk.requests()] == [late.request.message_id]


async def test_a_hold_ends_with_the_validity_of_its_messages(desk: Desk) -> None:
    short, long = desk.held(valid_until=START + timedelta(hours=1)), desk.held()
    await desk.took(short, long)
    desk.clock.advance(3600)

    assert await desk.releasing().work() == 1

    (fact,) = desk.facts()
    assert (fact.message_id, fact.kind, fact.code) == (short.request.message_id, FactKind.EXPIRED, "validity_over")
    desk.events()
    await desk.approve(long.hold_id)
    await desk.releasing().work()
    assert [request.message_id for request in desk.requests()] == [long.request.message_id]


@pytest.mark.parametrize("waits", ["held", "delayed"])
async def test_what_is_let_go_after_its_validity_is_not_sent(desk: Desk, letters: Letters, waits: str) -> None:
    """A yes that comes too late, and a morning that does: screening looks at the clock again."""
    over = START + timedelta(minutes=30)
    one = desk.held(valid_until=over) if waits == "held" else desk.delayed(valid_until=over)
    await desk.took(one)
    desk.clock.advance(3600)
    if isinstance(one, MessageHeld):
        await desk.approve(one.hold_id)
    await desk.releasing().work()

    records = [record for record in desk.records() if record.topic.startswith("sms.requests")]
    bench = Bench(letters)
    bench.clock.advance(3600)
    (fact,) = await bench.events(
        *[Received(record, request) for record, request in zip(records, desk.requests(), strict=True)]
    )

    assert isinstance(fact, PartFact)
    assert (fact.message_id, fact.kind, fact.code) == (one.request.message_id, FactKind.EXPIRED, "validity_over")


async def test_a_delayed_message_is_asked_again_when_its_time_has_come(desk: Desk) -> None:
    delayed = desk.delayed()
    await desk.took(delayed)
    assert await desk.releasing().work() == 0
    desk.clock.advance(3600)

    assert await desk.releasing().work() == 1

    message_id, why = delayed.request.message_id, f"{delayed.due_at.isoformat()}:{delayed.delayed_at.isoformat()}"
    assert desk.requests() == [delayed.request]
    assert desk.ids() == [f"{message_id}:desk:released:due:{why}", f"{message_id}:released:due:{why}"]


async def test_what_screening_delays_to_the_same_time_again_is_let_go_again(desk: Desk) -> None:
    delayed = desk.delayed()
    await desk.took(delayed)
    desk.clock.advance(3600)
    await desk.releasing().work()
    (first,) = [one for one in desk.ids() if ":desk:" not in one]
    desk.events()

    behind = delayed.due_at - timedelta(milliseconds=5)
    await desk.took(msgspec.structs.replace(delayed, delayed_at=behind))

    assert await desk.releasing().work() == 1
    assert desk.requests() == [delayed.request]
    assert first not in desk.ids()


async def test_what_comes_twice_is_kept_once_and_not_again_after_it_was_let_go(desk: Desk) -> None:
    events = [desk.held(), desk.delayed()]
    records = await desk.took(*events)
    await desk.again(records, events)
    desk.clock.advance(3600)
    await desk.approve(events[0].hold_id)  # type: ignore[union-attr]
    assert await desk.releasing().work() == 2
    desk.events()

    await desk.again(records, events)

    assert await desk.releasing().work() == 0
    assert desk.requests() == []


async def test_many_messages_go_in_batches_and_two_desks_share_them(desk: Desk) -> None:
    held = [desk.held() for _ in range(1200)]
    await desk.took(*held)
    await desk.approve(held[0].hold_id)

    await desk.releasing().work()
    await desk.releasing().work()

    sent = [request.message_id for request in desk.requests()]
    assert sorted(sent) == sorted(one.request.message_id for one in held)
    assert len([one for one in desk.events() if isinstance(one, HoldDecided)]) == 1


STEPS = [
    "before HoldDecided",
    "behind HoldDecided",
    "before PartFact",
    "behind PartFact",
    "before SendRequested",
    "behind SendRequested",
]


@pytest.mark.parametrize("step", STEPS)
async def test_a_desk_that_dies_between_claim_write_and_mark_loses_nothing_and_screening_drops_what_came_twice(
    desk: Desk, letters: Letters, step: str
) -> None:
    held = [desk.held() for _ in range(4)]
    await desk.took(*held)
    await desk.approve(held[0].hold_id)
    desk.crash = step
    with pytest.raises(Crash):
        await desk.releasing().work()
    desk.crash = None

    assert await desk.releasing().work() == 0  # still somebody's
    desk.clock.advance(31)
    assert await desk.releasing().work() == 4
    assert await desk.releasing().work() == 0

    requests = [record for record in desk.records() if record.topic.startswith("sms.requests")]
    assert len(requests) == (8 if step == "behind SendRequested" else 4)
    bench = Bench(letters)
    outputs = await bench(*[Received(record, event) for record, event in zip(requests, desk.requests(), strict=True)])
    assert len(outputs) == 4
    facts = {(fact.message_id, fact.kind) for fact in desk.facts()}
    assert facts == {(one.request.message_id, FactKind.RELEASED) for one in held}
    assert len(set(desk.ids())) == 1 + 4 + 4


async def test_a_desk_that_dies_before_its_mark_of_a_delay_sends_the_same_again(desk: Desk) -> None:
    await desk.took(desk.delayed())
    desk.clock.advance(3600)
    desk.crash = "behind SendRequested"
    with pytest.raises(Crash):
        await desk.releasing().work()
    desk.crash = None
    desk.clock.advance(31)

    assert await desk.releasing().work() == 1

    assert len(desk.requests()) == 2
    assert len(set(desk.ids())) == 2


async def test_a_hold_is_settled_only_when_nothing_came_meanwhile(desk: Desk) -> None:
    first = desk.held()
    await desk.took(first)
    await desk.approve(first.hold_id)
    (read,) = await desk.store.decided(10)
    await desk.took(desk.held())

    assert not await desk.store.settle(read)
    await desk.releasing().work()
    assert await desk.store.decided(10) == []


async def test_what_is_done_keeps_no_request(desk: Desk) -> None:
    held = desk.held()
    await desk.took(held)
    await desk.approve(held.hold_id)
    await desk.releasing().work()

    (row,) = await desk.mongo.database.held.find().to_list()
    assert row["state"] == Waiting.RELEASED
    assert "request" not in row
    assert row["done_at"] is not None


async def test_rows_hold_no_number_and_no_text_in_the_clear(desk: Desk) -> None:
    await desk.took(desk.held("hemmelig lodd.example"))

    rows = [*await desk.mongo.database.held.find().to_list(), *await desk.mongo.database.holds.find().to_list()]
    assert "98765432" not in repr(rows)
    assert "hemmelig" not in repr(rows)


async def test_counts_and_samples_are_shown_without_recipients(desk: Desk) -> None:
    held = [desk.held(f"Vinn på lodd.example nr {number}") for number in range(7)]
    await desk.took(*held)
    hold_id = held[0].hold_id

    hold = await desk.listing.hold(hold_id)
    assert hold is not None
    assert (hold.state, hold.account_id, hold.findings, hold.opened_at) == (
        HoldState.OPEN,
        ACCOUNT,
        LINK,
        START.replace(microsecond=123_000),
    )
    assert await desk.listing.counts([hold_id]) == {hold_id: {Waiting.WAITING: 7}}
    samples = await desk.listing.samples(hold_id, 5)
    assert len(samples) == 5
    assert all(sample.text is not None and sample.text.startswith("Vinn på") for sample in samples)
    assert "Vinn" not in repr(samples)


async def test_of_two_people_who_decide_at_once_one_does_and_the_other_is_told(desk: Desk) -> None:
    links = [Finding(rule=HoldRule.UNAPPROVED_LINK, evidence=(f"lodd{number}.example",)) for number in range(5)]
    held = [desk.held(findings=(link,)) for link in links]
    await desk.took(*held)
    for one in held:
        said = await asyncio.gather(
            desk.approve(one.hold_id), desk.reject(one.hold_id), desk.approve(one.hold_id), return_exceptions=True
        )
        states = {each.state for each in said if isinstance(each, Hold)}
        refused = [each for each in said if isinstance(each, Refused)]
        assert len(states) == 1
        assert {each.code for each in refused} == {HoldCode.HOLD_DECIDED}
        assert len(refused) == (1 if states == {HoldState.APPROVED} else 2)
    assert await desk.mongo.database.audit.count_documents({"action": {"$in": ["hold.approve", "hold.reject"]}}) == 5


async def test_nobody_waits_behind_a_long_hold(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "BATCH", 2)
    long = [desk.held(partition=number % 4) for number in range(10)]
    short = desk.held(findings=(Finding(rule=HoldRule.UNAPPROVED_LINK, evidence=("kort.example",)),))
    due = desk.delayed(timedelta(0))
    await desk.took(*long, short, due)
    for hold_id in (long[0].hold_id, short.hold_id):
        await desk.approve(hold_id)

    assert await desk.releasing().work() == 12

    order = [one.message_id for one in desk.requests()]
    assert {short.request.message_id, due.request.message_id} <= set(order[:5])
    assert len([one for one in map(event, desk.sent) if isinstance(one, HoldDecided)]) == 2


async def test_what_is_cancelled_is_let_go_to_nobody_and_told_once(desk: Desk) -> None:
    first, other, delayed = desk.held(), desk.held(), desk.delayed()
    await desk.took(first, other, delayed)
    for waits in (first, delayed):
        waiting = await desk.store.waiting(ACCOUNT, waits.request.message_id)
        assert waiting is not None
        assert await desk.store.cancel(waiting, desk.clock.now())
        assert not await desk.store.cancel(waiting, desk.clock.now()), "it is cancelled already"
    await desk.approve(first.hold_id)
    desk.clock.advance(3600)

    await desk.releasing().work()

    assert [request.message_id for request in desk.requests()] == [other.request.message_id]
    assert {fact.message_id: fact.kind for fact in desk.facts()} == {
        first.request.message_id: FactKind.CANCELLED,
        delayed.request.message_id: FactKind.CANCELLED,
        other.request.message_id: FactKind.RELEASED,
    }
    assert (await desk.listing.counts([first.hold_id]))[first.hold_id] == {Waiting.CANCELLED: 1, Waiting.RELEASED: 1}
    desk.events()
    assert await desk.releasing().work() == 0
    assert desk.sent == []


@pytest.mark.parametrize("crash", ["before PartFact", "behind PartFact"])
async def test_a_cancelling_that_a_crash_interrupts_is_told_later_under_the_same_id(desk: Desk, crash: str) -> None:
    held = desk.held()
    await desk.took(held)
    waiting = await desk.store.waiting(ACCOUNT, held.request.message_id)
    assert waiting is not None
    await desk.store.cancel(waiting, desk.clock.now())
    desk.crash = crash
    with pytest.raises(Crash):
        await desk.releasing().work()
    desk.crash = None
    desk.clock.advance(31)

    assert await desk.releasing().work() == 1

    assert set(desk.ids()) == {f"{held.request.message_id}:desk:cancelled:{held.hold_id}"}


async def test_what_is_being_let_go_or_is_anothers_cannot_be_cancelled(desk: Desk) -> None:
    held = desk.held()
    await desk.took(held)
    assert await desk.store.waiting(AccountId("other"), held.request.message_id) is None
    waiting = await desk.store.waiting(ACCOUNT, held.request.message_id)
    assert waiting is not None

    assert await desk.store.of_hold(held.hold_id, desk.clock.now(), "claim", 10) == [waiting]

    assert not await desk.store.cancel(waiting, desk.clock.now())
    assert await desk.store.waiting(ACCOUNT, held.request.message_id) is None


async def test_something_waits_from_when_it_is_taken_over_until_it_is_let_go(desk: Desk) -> None:
    assert not await desk.store.waits()

    held = desk.held()
    await desk.took(held)
    assert desk.taken == 1
    assert await desk.store.waits()
    assert not await desk.store.ripe(desk.clock.now())

    await desk.approve(held.hold_id)
    await desk.releasing().work()
    assert not await desk.store.waits()
