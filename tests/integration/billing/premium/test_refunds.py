"""Refunds: asked for, ordered, reversed, booked."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
import pytest

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.outbox import Outbox as PremiumOutbox
from services.billing.premium.refund import Refund, RefundState, refund_id
from shared.contracts import topics
from shared.contracts.premium import PremiumKind, PremiumOrdered, PremiumStatus, reversal_id
from shared.contracts.settlements import RefundChanged
from shared.errors import Refused, TryLater
from shared.ids import AccountId, partition_of
from tests.integration.billing.outbox import Outbox
from tests.integration.billing.premium.conftest import PARTITIONS
from tests.integration.billing.premium.driving import Books, ids, told
from tests.unit.billing.premium.building import ACCOUNT, ID, changed, reversed_, transaction_id

S = PremiumStatus


async def ask(books: Books, account: AccountId = ACCOUNT) -> tuple[Refund, bool]:
    return await books.refunds.ask(account, ID, at=books.clock.now(), by="k_demo", reason="upheld_complaint")


async def state(books: Books) -> RefundState:
    refund = await books.refunds.one(ACCOUNT, refund_id(ID))
    assert refund is not None
    return refund.state


async def test_a_refund_goes_from_the_order_over_the_reversal_into_the_books(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    await ask(books)
    await teller.empty()
    assert await state(books) is RefundState.ORDERED
    await books.hear(reversed_(S.SENT, 1))
    assert (await books.balances())[LedgerAccount.STREX] == 4200
    await books.hear(reversed_(S.REVERSED, 2))
    assert await state(books) is RefundState.REVERSED
    assert set((await books.balances()).values()) == {0}
    await teller.empty()
    assert ids(outbox.sent) == [f"-{ID}:reversal", f"rf_{ID}:2", f"rf_{ID}:3"]
    (orders, order), (refunds, _), (_, last) = told(outbox.sent)
    assert (orders, refunds) == (topics.PREMIUM_ORDERS, topics.REFUNDS)
    assert isinstance(order, PremiumOrdered)
    assert (order.kind, order.transaction_id, order.reversal_of) == (PremiumKind.REVERSAL, reversal_id(ID), ID)
    assert (order.terms.price, order.reason, order.to) == (4200, "upheld_complaint", None)
    assert outbox.sent[0].partition == partition_of(ID, PARTITIONS)
    assert isinstance(last, RefundChanged)
    assert (last.state, last.amount, last.requested_by) == ("reversed", 4200, "k_demo")


async def test_whoever_asks_however_often_there_is_one_refund_and_one_order(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    asked = await asyncio.gather(*(ask(books) for _ in range(5)))
    assert sum(new for _, new in asked) == 1
    await teller.empty()
    again, new = await ask(books)
    assert (again.state, new) == (RefundState.ORDERED, False)
    await teller.empty()
    assert ids(outbox.sent).count(f"-{ID}:reversal") == 1


async def test_a_death_after_the_order_and_before_the_mark_orders_the_same_again(
    books: Books, teller: PremiumOutbox, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.hear(changed())
    await ask(books)

    async def dies(*_: object) -> None:
        raise TryLater("mongodb_unavailable", "dead")

    with monkeypatch.context() as patched:
        patched.setattr(books.refunds, "ordered", dies)
        with pytest.raises(TryLater):
            await teller.empty()
    await teller.empty()
    orders = [one for one in outbox.sent if one.topic == topics.PREMIUM_ORDERS]
    assert len(orders) == 2
    assert orders[0] == orders[1]


async def test_an_order_that_was_not_sent_is_sent_later(books: Books, teller: PremiumOutbox, outbox: Outbox) -> None:
    await books.hear(changed())
    await ask(books)
    outbox.broken = True
    with pytest.raises(TryLater):
        await teller.empty()
    assert await state(books) is RefundState.REQUESTED
    outbox.broken = False
    await teller.empty()
    assert await state(books) is RefundState.ORDERED


async def test_a_reversal_that_strex_refuses_is_told_with_its_reason_and_books_nothing(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    await ask(books)
    await teller.empty()
    await books.hear(reversed_(S.REFUSED, detail="not_reversable"))
    await teller.empty()
    _, event = told(outbox.sent)[-1]
    assert isinstance(event, RefundChanged)
    assert (event.state, event.detail) == ("refused", "not_reversable")
    assert (await books.balances())[LedgerAccount.STREX] == 4200


async def test_a_refund_that_strex_never_heard_of_is_ordered_again_when_it_is_asked_for_again(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    await ask(books)
    await teller.empty()
    books.clock.advance(600)
    lost = reversed_(S.REFUSED, detail="not_taken")
    await books.hear(msgspec.structs.replace(lost, at=books.clock.now()))
    assert await state(books) is RefundState.REFUSED
    books.clock.advance(3600)
    again, new = await ask(books)
    assert (again.state, new) == (RefundState.REQUESTED, False)
    await teller.empty()
    orders = [one for one in outbox.sent if one.topic == topics.PREMIUM_ORDERS]
    assert ids(orders) == [f"-{ID}:reversal", f"-{ID}:reversal:{again.version}"]
    assert await state(books) is RefundState.ORDERED
    await books.hear(reversed_(S.UNKNOWN, 2), reversed_(S.REVERSED, 3))
    assert await state(books) is RefundState.REVERSED
    assert set((await books.balances()).values()) == {0}


@pytest.mark.parametrize(("account", "code"), [(AccountId("other"), "not_found"), (ACCOUNT, "not_billed")])
async def test_only_the_seller_has_a_charge_refunded_and_only_what_was_billed(
    books: Books, account: AccountId, code: str
) -> None:
    await books.hear(changed(S.FAILED))
    with pytest.raises(Refused) as refused:
        await ask(books, account)
    assert refused.value.code == code
    assert await books.refunds.page(account, limit=10) == []


async def test_a_charge_that_strex_reversed_by_itself_is_found_reversed_and_ordered_never(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed(), reversed_())
    refund, _ = await ask(books)
    assert refund.state is RefundState.REVERSED
    await teller.empty()
    assert [one.topic for one in outbox.sent] == [topics.REFUNDS]


async def test_asking_while_strex_answers_loses_neither(books: Books) -> None:
    for number in range(1, 6):
        await books.hear(changed(number=number))
        charge = transaction_id(number)
        await asyncio.gather(
            books.refunds.ask(ACCOUNT, charge, at=books.clock.now(), by="k", reason=None),
            books.hear(reversed_(number=number)),
        )
        refund = await books.refunds.one(ACCOUNT, refund_id(charge))
        assert refund is not None
        assert refund.state is RefundState.REVERSED


async def test_two_outboxes_at_once_order_a_refund_under_one_id_and_tell_the_same(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    await ask(books)
    await asyncio.gather(teller.empty(), teller.empty())
    await teller.empty()
    bodies = {name: one.value for name, one in zip(ids(outbox.sent), outbox.sent, strict=True)}
    assert [bodies[name] for name in ids(outbox.sent)] == [one.value for one in outbox.sent]
    assert bodies.keys() == {f"-{ID}:reversal", f"rf_{ID}:2"}
    assert await state(books) is RefundState.ORDERED


async def test_strex_may_be_done_before_the_order_is_noted(
    books: Books, teller: PremiumOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.hear(changed())
    await ask(books)
    note = books.refunds.ordered

    async def slow(refund: Refund, at: datetime) -> None:
        await books.hear(reversed_(S.SENT, 1), reversed_(S.REVERSED, 2))
        await note(refund, at)

    monkeypatch.setattr(books.refunds, "ordered", slow)
    await teller.empty()
    assert await state(books) is RefundState.REVERSED
    assert set((await books.balances()).values()) == {0}


async def test_a_death_after_finance_was_told_tells_the_same_again(
    books: Books, teller: PremiumOutbox, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.hear(changed())
    await ask(books)

    async def dies(*_: object) -> None:
        raise TryLater("mongodb_unavailable", "dead")

    with monkeypatch.context() as patched:
        patched.setattr(teller, "_unmark", dies)
        with pytest.raises(TryLater):
            await teller.empty()
    await teller.empty()
    told_of = [one for one in outbox.sent if one.topic == topics.REFUNDS]
    assert len(told_of) == 2
    assert told_of[0] == told_of[1]


@pytest.mark.parametrize("unreadable", ["premium_refunds", "premium_transactions"])
async def test_a_row_that_cannot_be_read_is_set_aside_and_the_other_refunds_go_on(
    books: Books, teller: PremiumOutbox, outbox: Outbox, unreadable: str
) -> None:
    await books.hear(changed(), changed(number=2))
    await ask(books)
    bad = refund_id(ID) if unreadable == "premium_refunds" else ID
    price = {"price": "no number"}
    await books.mongo.database[unreadable].update_one({"_id": bad}, {"$set": price})
    await books.refunds.ask(ACCOUNT, transaction_id(2), at=books.clock.now(), by="k", reason=None)
    await teller.empty()
    await teller.empty()
    orders = [one for one in outbox.sent if one.topic == topics.PREMIUM_ORDERS]
    assert ids(orders) == [f"-{transaction_id(2)}:reversal"]
    await books.mongo.database[unreadable].update_one({"_id": bad}, {"$set": {"price": 4200}})
    books.clock.advance(3601)
    await teller.empty()
    orders = [one for one in outbox.sent if one.topic == topics.PREMIUM_ORDERS]
    assert ids(orders)[1:] == [f"-{ID}:reversal"]
