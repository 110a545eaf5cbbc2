from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.billing.premium.refund import Refund, RefundState, follow, move, request, request_anew
from services.billing.premium.transaction import Transaction
from shared.contracts.premium import PremiumChanged, PremiumStatus
from shared.errors import Refused
from tests.unit.billing.premium.building import ID, Books, changed, reversed_

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
S = PremiumStatus


def known(*events: PremiumChanged) -> Transaction:
    return Books().hear(events).transactions[ID]


def asked() -> Refund:
    return request(known(changed()), at=NOW, by="k1", reason="upheld_complaint")


def test_a_refund_is_of_the_whole_price_and_reaches_the_user_within_three_months() -> None:
    refund = asked()
    assert (refund.price, refund.state, refund.user_paid_by) == (4200, RefundState.REQUESTED, "2027-02-28")


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([changed(S.FAILED)], "not_billed"),
        ([changed(S.REFUSED)], "not_billed"),
        ([changed(S.SENT)], "outcome_open"),
        ([changed(S.UNKNOWN)], "outcome_open"),
        ([changed(S.OK), changed(S.FAILED, 2)], "outcome_open"),
        ([changed(price=0)], "not_billed"),
    ],
)
def test_only_what_was_charged_for_certain_is_given_back(events: list[PremiumChanged], code: str) -> None:
    with pytest.raises(Refused) as refused:
        request(known(*events), at=NOW, by="k1", reason=None)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (S.QUEUED, RefundState.ORDERED),
        (S.UNKNOWN, RefundState.ORDERED),
        (S.REVERSED, RefundState.REVERSED),
        (S.FAILED, RefundState.REFUSED),
        (S.REFUSED, RefundState.REFUSED),
    ],
)
def test_it_follows_the_reversal(status: PremiumStatus, state: RefundState) -> None:
    refund = follow(asked(), known(changed(), reversed_(status, detail="why", ordered_at=NOW)), NOW)
    assert (refund.state, refund.version) == (state, 2)
    assert refund.detail == ("why" if state is RefundState.REFUSED else None)


def test_it_goes_forward_only_and_a_reversal_after_a_refusal_counts() -> None:
    refund = move(asked(), RefundState.REFUSED, NOW)
    assert move(refund, RefundState.ORDERED, NOW) is refund
    assert follow(refund, known(changed()), NOW) is refund
    done = follow(refund, known(changed(), reversed_()), NOW)
    assert done.state is RefundState.REVERSED
    assert move(done, RefundState.REFUSED, NOW) is done


NOT_TAKEN = "not_taken"


@pytest.mark.parametrize("detail", [NOT_TAKEN, "declined_409"])
def test_what_strex_never_took_is_requested_again_and_nothing_else_is(detail: str) -> None:
    lost = move(asked(), RefundState.REFUSED, NOW, detail)
    charge = known(changed(), reversed_(S.REFUSED, detail=detail))
    later = NOW + timedelta(days=40)
    again = request_anew(lost, charge, at=later, by="k2", reason=None)
    assert (again.state, again.detail, again.version, again.by) == (RefundState.REQUESTED, None, 3, "k2")
    assert (again.requested_at, again.changed_at, again.user_paid_by) == (NOW, later, lost.user_paid_by)
    assert again.reason == "upheld_complaint"
    for other in (asked(), again):
        assert request_anew(other, charge, at=later, by="k2", reason=None) is other
    failed = known(changed(), reversed_(S.FAILED, detail="MnoError"))
    assert request_anew(lost, failed, at=later, by="k2", reason=None) is lost


def test_the_end_of_the_order_before_does_not_end_the_next_one() -> None:
    lost = move(asked(), RefundState.REFUSED, NOW, NOT_TAKEN)
    before = reversed_(S.REFUSED, detail=NOT_TAKEN)
    again = request_anew(lost, known(changed(), before), at=before.at + timedelta(hours=1), by="k2", reason=None)
    assert follow(again, known(changed(), before), again.changed_at) is again
    after = msgspec.structs.replace(before, sequence=2, at=again.changed_at, ordered_at=again.changed_at)
    assert follow(again, known(changed(), before, after), after.at).state is RefundState.REFUSED
    assert follow(again, known(changed(), before, reversed_(sequence=2)), NOW).state is RefundState.REVERSED
