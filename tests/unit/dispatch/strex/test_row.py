from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.strex import row as moves
from services.dispatch.strex.bodies import Seen, SeenPayment
from services.dispatch.strex.meaning import Finding, meaning
from services.dispatch.strex.row import Row, Step
from services.dispatch.strex.telling import event_id, to_tell
from shared.clock import SystemClock
from shared.contracts.premium import Billed, PremiumChanged, PremiumKind, PremiumStatus
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from tests.unit.dispatch.strex.orders import Orders, reversal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GONE = timedelta(minutes=10)
PATIENCE = timedelta(seconds=35)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Orders:
    return Orders(Sealer(FileKeyStore(tmp_path_factory.mktemp("keys")), SystemClock()))


@pytest.fixture(scope="module")
def draft(orders: Orders) -> Row:
    return moves.drafted(orders.charge(now=NOW), NOW, "me", PATIENCE)


DETAILED = {
    **dict.fromkeys(("None", "Delivered", "Sent", "Pending", "MissingDeliveryReport"), Billed.UNKNOWN),
    **dict.fromkeys(("Undelivered", "UnknownError", "Failed", "SubscriberUnavailable"), Billed.UNKNOWN),
    **dict.fromkeys(("Stopped", "TemporaryError"), Billed.UNKNOWN),
    **dict.fromkeys(("Expired", "Rejected", "UnknownSubscriber", "SubscriberBarred"), Billed.FALSE),
    **dict.fromkeys(("InsufficientFunds", "InvalidCredentials", "InvalidOtp", "MnoError"), Billed.FALSE),
    **dict.fromkeys(("CardPspError", "ConnectionOffline", "RegistrationRequired", "UnknownAge"), Billed.FALSE),
    **dict.fromkeys(("SubscriberTooYoung", "DuplicateTransaction", "SubscriberLimitExceeded"), Billed.FALSE),
    **dict.fromkeys(("MaxPinRetry", "MissingPreAuth", "InvalidAmount", "TimeoutError"), Billed.FALSE),
    **dict.fromkeys(("OneTimePasswordExpired", "OneTimePasswordFailed", "UserInTransaction"), Billed.FALSE),
    "OtherError": Billed.FALSE,
}
"""Every DetailedStatusCode, and what it says of money where Strex says that a charge failed and not whether it was
billed: as good as a no is a code whose text says that billing was not completed, and `UnknownSubscriber`, since a
number that the operator does not have has no bill. A no that speaks of the delivery alone (`Undelivered`) is none.
"""


def finding(status: str, billed: str, detail: str | None = None) -> Finding:
    return Finding(PremiumStatus(status), Billed(billed), detail)


@pytest.mark.parametrize(
    ("status", "billed", "detail", "expected"),
    [
        ("Ok", True, "Delivered", "ok:true"),
        ("Ok", None, "Delivered", "ok:unknown"),
        ("Sent", None, "MissingDeliveryReport", "sent:unknown"),
        ("Failed", None, "MissingDeliveryReport", "failed:unknown"),
        ("Failed", None, "SubscriberBarred", "failed:false"),
        ("Failed", None, "InvalidOTP", "failed:false"),
        ("Failed", True, "Undelivered", "failed:true"),
        ("Failed", False, "Undelivered", "failed:false"),
        ("Ok", False, "Delivered", "ok:false"),
        ("Rebilled", True, "Delivered", "rebilled:true"),
        ("Something new", None, None, "sent:unknown"),
        ("OK", True, None, "ok:true"),
        ("Queued", None, "None", "queued:unknown"),
    ],
)
def test_billed_alone_says_whether_money_moved(status: str, billed: bool | None, detail: str, expected: str) -> None:
    found = meaning(Seen(status, detail, billed), PremiumKind.CHARGE)
    assert f"{found.status}:{found.billed}" == expected
    within = meaning(Seen(status, detail, strex=SeenPayment(billed)), PremiumKind.REPLY)
    assert within.billed is found.billed


@pytest.mark.parametrize(("code", "untold"), DETAILED.items())
def test_every_code_is_told_as_it_is_and_none_says_more_of_money_than_strex_does(code: str, untold: Billed) -> None:
    assert len(DETAILED) == 34
    for spelt in (code, code.upper()):
        said = [meaning(Seen("Failed", spelt, billed), PremiumKind.CHARGE) for billed in (False, True, None)]
        assert [each.billed for each in said] == [Billed.FALSE, Billed.TRUE, untold]
        assert {each.detail for each in said} == {None if code == "None" else spelt}
        assert {each.status for each in said} == {PremiumStatus.FAILED}


@pytest.mark.parametrize(("status", "billed"), [("Reversed", "true"), ("Queued", "unknown"), ("Failed", "false")])
def test_money_went_back_when_the_reversal_says_reversed(status: str, billed: str) -> None:
    assert meaning(Seen(status, None, None), PremiumKind.REVERSAL).billed == billed


def test_nobody_asks_again_before_it_is_certain_that_nothing_was_asked(draft: Row) -> None:
    assert draft.step is Step.ASKING
    assert moves.unanswered(draft, NOW).step is Step.ASKING
    assert moves.withheld(draft, NOW).step is Step.ORDERED
    assert moves.withheld(draft, NOW).due_at is None


def test_what_strex_does_not_know_is_given_up_when_nothing_can_be_on_its_way(draft: Row) -> None:
    early = moves.missing(draft, NOW + GONE - SECOND, GONE)
    assert (early.event.status, early.event.billed, early.event.sequence) == ("unknown", "unknown", 1)
    late = moves.missing(early, NOW + GONE, GONE)
    assert (late.event.status, late.event.billed, late.event.detail) == ("refused", "false", "not_taken")
    assert late.step is Step.CLOSED
    assert late.due_at is None


def asked_at(row: Row) -> list[timedelta]:
    """When it is asked for, after the first time, while Strex knows nothing of it until it is given up."""
    times: list[timedelta] = []
    while row.step is not Step.CLOSED:
        assert row.due_at is not None
        at, before = max(row.due_at, NOW), row
        row = moves.missing(row, at, GONE)
        if row.anew > before.anew:
            times.append(at - NOW)
    assert (row.event.status, row.event.detail) == ("refused", "not_taken")
    return times


def test_a_reversal_that_got_lost_is_asked_for_four_times_in_a_day_and_a_half(orders: Orders) -> None:
    back = moves.drafted(reversal(orders.charge(now=NOW)), NOW, "me", PATIENCE)
    assert [each / GONE for each in asked_at(back)] == [1, 7, 43, 187]


def test_what_costs_money_is_never_asked_for_a_second_time(orders: Orders) -> None:
    for order in (orders.charge(now=NOW), orders.reply(now=NOW), orders.password(now=NOW)):
        assert asked_at(moves.drafted(order, NOW, "me", PATIENCE)) == []


def test_a_reversal_whose_order_waited_for_months_is_asked_for_anew_all_the_same(orders: Orders) -> None:
    old = orders.charge(now=NOW - timedelta(days=100))
    assert len(asked_at(moves.drafted(reversal(old), NOW, "me", PATIENCE))) == 4


def test_a_reversal_whose_repetition_could_not_be_sent_is_not_left_to_an_order(orders: Orders) -> None:
    again = moves.missing(moves.drafted(reversal(orders.charge(now=NOW)), NOW, "me", PATIENCE), NOW + GONE, GONE)
    after = moves.withheld(again, NOW + GONE)
    assert (after.step, after.due_at is not None) == (Step.ASKING, True)


def test_what_strex_took_and_does_not_show_is_looked_at_further(draft: Row) -> None:
    taken = moves.taken(draft, NOW)
    later = moves.missing(taken, NOW + 2 * GONE, GONE)
    assert later.event == taken.event
    assert later.due_at is not None


def test_what_is_not_new_is_not_told(draft: Row) -> None:
    sent = moves.found(moves.taken(draft, NOW), finding("sent", "unknown", "Pending"), NOW)
    again = moves.found(sent, finding("sent", "unknown", "Pending"), NOW + SECOND)
    assert again.event is sent.event
    assert again.looks == sent.looks + 1


def test_looks_grow_rarer_and_end(draft: Row) -> None:
    row, at, waits = moves.taken(draft, NOW), NOW, []
    while row.due_at is not None:
        at = max(row.due_at, at)
        row = moves.found(row, finding("sent", "unknown"), at)
        waits.append((row.due_at - at) if row.due_at else timedelta())
    assert waits[0] == timedelta(seconds=0.5)
    assert sorted(waits[:-1]) == waits[:-1]
    assert timedelta(days=90) < at - NOW < timedelta(days=92)
    assert len(waits) < 200


def test_while_strex_is_away_looks_stay_a_minute_apart(draft: Row) -> None:
    row = moves.taken(draft, NOW)
    for _ in range(30):
        row = moves.unseen(row, NOW)
    assert row.due_at == NOW + timedelta(minutes=1)


def test_a_failed_charge_is_looked_at_for_a_month_and_a_refused_one_is_not(draft: Row) -> None:
    failed = moves.found(moves.taken(draft, NOW), finding("failed", "false", "MnoError"), NOW)
    assert failed.due_at == NOW + timedelta(days=1)
    assert moves.found(failed, finding("failed", "false", "MnoError"), NOW + timedelta(days=36)).due_at is None
    assert moves.refused(draft, "erased", NOW).due_at is None


def test_a_late_sight_corrects_what_was_given_up(draft: Row) -> None:
    given_up = moves.missing(draft, NOW + GONE, GONE)
    seen = moves.found(given_up, finding("ok", "true", "Delivered"), NOW + GONE + SECOND)
    assert (seen.event.status, seen.event.billed, seen.event.sequence) == ("ok", "true", 2)


def test_a_reversal_is_negative_and_a_code_moves_no_money(orders: Orders) -> None:
    charge = orders.charge(now=NOW)
    back = moves.drafted(reversal(charge), NOW, "me", PATIENCE)
    assert (back.event.price, back.terms.price, back.id) == (-4200, 4200, f"-{charge.transaction_id}")
    code = moves.taken(moves.drafted(orders.password(now=NOW), NOW, "me", PATIENCE), NOW)
    assert (code.step, code.event.billed) == (Step.CLOSED, "false")
    assert event_id(code).endswith(":one_time_password:1")
    assert to_tell(code).status is PremiumStatus.OK


def test_the_row_keeps_its_times_as_the_store_does(orders: Orders) -> None:
    order = orders.charge(now=NOW + timedelta(microseconds=123_456))
    row = moves.drafted(order, NOW, "me", PATIENCE)
    assert row.event.consent is not None
    assert {row.event.ordered_at.microsecond, row.event.consent.at.microsecond} == {123_000}


FINDINGS = st.builds(
    Finding,
    st.sampled_from([each for each in PremiumStatus if each not in {PremiumStatus.UNKNOWN, PremiumStatus.REFUSED}]),
    st.sampled_from(list(Billed)),
    st.sampled_from([None, "Delivered", "MnoError"]),
)


@given(st.lists(st.one_of(FINDINGS, st.sampled_from(["missing", "nothing"])), max_size=12))
def test_whatever_is_seen_the_last_event_says_it_and_versions_only_grow(sights: list[Finding | str]) -> None:
    row = Row(id=moves.RowId("t"), step=Step.ASKING, event=_event(), asked_at=NOW, due_at=NOW)
    at = NOW
    for sight in sights:
        at += SECOND
        before = row
        if isinstance(sight, Finding):
            row = moves.found(row, sight, at)
            assert (row.event.status, row.event.billed, row.event.detail) == (sight.status, sight.billed, sight.detail)
            assert row.step is not Step.ASKING
        else:
            row = moves.missing(row, at, GONE) if sight == "missing" else moves.later(row, at)
        assert row.version > before.version
        assert row.event.sequence - before.event.sequence in {0, 1}
        assert (row.event.sequence == before.event.sequence) == (row.event == before.event)
        assert row.step is not Step.ORDERED


def _event() -> PremiumChanged:
    path = (
        Path(__file__).resolve().parents[4] / "shared/contracts/examples/no.budstikke.premium.premium-changed.v1.json"
    )
    value = msgspec.json.decode(path.read_bytes())["value"]
    event = msgspec.convert(value, PremiumChanged)
    return msgspec.structs.replace(
        event, sequence=0, status=PremiumStatus.UNKNOWN, billed=Billed.UNKNOWN, ordered_at=NOW, detail=None
    )
