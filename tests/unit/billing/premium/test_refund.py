from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.billing.premium.refund import Refund, RefundState, follow, move, request
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
    refund = follow(asked(), known(changed(), reversed_(status, detail="why")), NOW)
    assert (refund.state, refund.version) == (state, 2)
    assert refund.detail == ("why" if state is RefundState.REFUSED else None)


def test_it_goes_forward_only_and_a_reversal_after_a_refusal_counts() -> None:
    refund = move(asked(), RefundState.REFUSED, NOW)
    assert move(refund, RefundState.ORDERED, NOW) is refund
    assert follow(refund, known(changed()), NOW) is refund
    done = follow(refund, known(changed(), reversed_()), NOW)
    assert done.state is RefundState.REVERSED
    assert move(done, RefundState.REFUSED, NOW) is done
