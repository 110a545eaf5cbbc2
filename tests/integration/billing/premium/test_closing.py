"""Closing a month, settling it, paying out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import EntryKind
from services.billing.premium.outbox import Outbox as PremiumOutbox
from services.billing.premium.payout import Held
from services.billing.premium.statement import OpenTotal
from shared.contracts import topics
from shared.contracts.premium import PremiumChanged, PremiumStatus
from shared.contracts.settlements import PayoutDecided, SettlementReceived, SettlementStated
from shared.errors import Refused, TryLater
from shared.ids import AccountId
from shared.money.periods import Day, Month, begins_at, moved
from tests.integration.billing.outbox import Outbox
from tests.integration.billing.premium.driving import Books, ids, told
from tests.unit.billing.premium.building import ACCOUNT, MERCHANT, changed, reversed_

OCTOBER, NOVEMBER = Month("2026-10"), Month("2026-11")
RECEIVED = Day("2026-11-20")
IN_NOVEMBER = datetime(2026, 11, 5, tzinfo=UTC)
S = PremiumStatus
KARI = "k_kari"


async def test_a_month_is_stated_once_and_every_repeat_shows_the_same(books: Books) -> None:
    await books.hear(changed(), changed(number=2), changed(S.SENT, number=3))
    settlement = await books.closing.close(OCTOBER, KARI)
    (statement,) = await books.closing.statements(OCTOBER)
    assert (statement.account_id, statement.merchant_id) == (ACCOUNT, MERCHANT)
    assert (statement.gross_ore, statement.vat_ore, statement.net_ore) == (8400, 105, 4515)
    assert statement.open == OpenTotal(1, 4200)
    assert settlement.expected_ore == 5040
    books.clock.advance(3600)
    assert await books.closing.close(OCTOBER, KARI) == settlement
    assert await books.closing.statements(OCTOBER) == [statement]
    assert sum((await books.balances()).values()) == 0


async def test_what_is_heard_after_the_close_goes_into_the_next_statement(books: Books) -> None:
    await books.hear(changed(), changed(S.SENT, number=2))
    await books.closing.close(OCTOBER, KARI)
    await books.hear(changed(S.OK, 2, number=2), reversed_(), changed(number=3, ordered_at=IN_NOVEMBER))
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(NOVEMBER, KARI)
    (statement,) = await books.closing.statements(NOVEMBER)
    assert [(line.own_month, line.kind, line.count) for line in statement.lines] == [
        (OCTOBER, EntryKind.CHARGE, 1),
        (OCTOBER, EntryKind.REVERSAL, 1),
        (NOVEMBER, EntryKind.CHARGE, 1),
    ]
    (october,) = await books.closing.statements(OCTOBER)
    assert october.gross_ore + statement.gross_ore == 8400


async def test_a_death_between_shutting_and_stating_is_made_good_by_asking_again(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.hear(changed())

    async def dies(month: Month) -> None:
        raise TryLater("mongodb_unavailable", "dead")

    with monkeypatch.context() as patched:
        patched.setattr(books.closing, "_state", dies)
        with pytest.raises(TryLater):
            await books.closing.close(OCTOBER, KARI)
    assert await books.closing.settlement(OCTOBER) is None
    books.clock.advance(timedelta(days=31).total_seconds())
    assert await refusal(books.closing.close(NOVEMBER, KARI)) == "earlier_month_open"
    await books.hear(changed(number=2))
    await books.closing.close(OCTOBER, KARI)
    (statement,) = await books.closing.statements(OCTOBER)
    assert statement.gross_ore == 4200
    assert [entry.month for entry in await books.entries() if entry.kind is EntryKind.CHARGE] == [OCTOBER, NOVEMBER]


async def test_a_month_that_runs_and_a_month_behind_an_open_one_are_not_closed(books: Books) -> None:
    await books.hear(changed(ordered_at=datetime(2026, 9, 30, tzinfo=UTC)), changed(number=2))
    assert await refusal(books.closing.close(NOVEMBER, KARI)) == "month_not_over"
    assert await refusal(books.closing.close(OCTOBER, KARI)) == "earlier_month_open"
    await books.closing.close(Month("2026-09"), KARI)
    assert (await books.closing.close(OCTOBER, KARI)).statements == 1


async def test_what_strex_paid_is_booked_with_the_payouts_it_leads_to(books: Books) -> None:
    await books.hear(*(changed(number=number) for number in range(1, 11)))
    await books.closing.close(OCTOBER, KARI)
    (statement,) = await books.closing.statements(OCTOBER)
    settlement = await books.closing.receive(OCTOBER, RECEIVED, statement.expected_ore, KARI)
    assert await books.closing.receive(OCTOBER, RECEIVED, statement.expected_ore, KARI) == settlement
    (payout,) = await books.closing.payouts(account=ACCOUNT)
    assert (payout.paid_ore, payout.pay_on) == (statement.net_ore, "2026-12-15")
    left = {account: ore for account, ore in (await books.balances()).items() if ore}
    ours = statement.fee_ore + statement.vat_ore
    assert left == {
        LedgerAccount.FEE: -statement.fee_ore,
        LedgerAccount.VAT: -statement.vat_ore,
        LedgerAccount.BANK: ours,
    }


async def test_under_a_hundred_crowns_is_carried_until_it_has_come_to_that(books: Books) -> None:
    await books.hear(changed(), *(changed(number=n, ordered_at=IN_NOVEMBER) for n in (2, 3, 4, 5)))
    await books.closing.close(OCTOBER, KARI)
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(NOVEMBER, KARI)
    await books.closing.receive(NOVEMBER, Day("2026-12-18"), 10080, KARI)
    november, october = await books.closing.payouts(account=ACCOUNT)
    assert (october.paid_ore, october.held, october.carried_ore) == (0, Held.UNDER_MINIMUM, 2257)
    assert (november.brought_forward_ore, november.paid_ore, november.carried_ore) == (2257, 11287, 0)
    assert november.pay_on == "2027-01-15"
    assert (await books.balances())[LedgerAccount.MERCHANT] == 0


async def test_what_strex_pays_too_little_is_shown_and_not_hidden(books: Books) -> None:
    await books.hear(changed())
    await books.closing.close(OCTOBER, KARI)
    await books.closing.receive(OCTOBER, RECEIVED, 2500, KARI)
    balances = await books.balances()
    assert (balances[LedgerAccount.DIFFERENCE], balances[LedgerAccount.BANK], balances[LedgerAccount.STREX]) == (
        20,
        2500,
        0,
    )
    assert sum(balances.values()) == 0


async def test_a_settlement_that_cannot_be_is_refused(books: Books) -> None:
    await books.hear(changed(), changed(number=2, ordered_at=IN_NOVEMBER))
    assert await refusal(books.closing.receive(OCTOBER, RECEIVED, 1, KARI)) == "month_not_closed"
    await books.closing.close(OCTOBER, KARI)
    assert await refusal(books.closing.receive(OCTOBER, Day("2026-10-31"), 1, KARI)) == "invalid_day"
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(NOVEMBER, KARI)
    assert await refusal(books.closing.receive(NOVEMBER, Day("2026-12-20"), 1, KARI)) == "earlier_settlement_missing"
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    assert await refusal(books.closing.receive(OCTOBER, RECEIVED, 2521, KARI)) == "already_received"


async def test_a_month_without_anything_is_closed_and_settled_with_nothing(books: Books) -> None:
    assert (await books.closing.close(OCTOBER, KARI)).statements == 0
    await books.closing.receive(OCTOBER, RECEIVED, 0, KARI)
    assert await books.entries() == []


async def test_each_account_has_a_statement_and_a_payout_of_its_own(books: Books) -> None:
    other = AccountId("other")
    await books.hear(changed(), changed(number=2, account_id=other), changed(number=3, merchant_id="mer_second"))
    await books.closing.close(OCTOBER, KARI)
    assert [one.id for one in await books.closing.statements(account=ACCOUNT)] == [
        "2026-10:demo:mer_second",
        "2026-10:demo:mer_test",
    ]
    await books.closing.receive(OCTOBER, RECEIVED, 7560, KARI)
    assert [one.id for one in await books.closing.payouts(OCTOBER)] == ["2026-10:demo", "2026-10:other"]


async def test_finance_is_told_of_each_document_once_and_after_a_failure_again_with_the_same_id(
    books: Books, teller: PremiumOutbox, outbox: Outbox
) -> None:
    await books.hear(changed())
    await books.closing.close(OCTOBER, KARI)
    outbox.broken = True
    with pytest.raises(TryLater):
        await teller.empty()
    outbox.broken = False
    assert await teller.empty() == 1
    assert await teller.empty() == 0
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    assert await teller.empty() == 2
    assert ids(outbox.sent) == ["2026-10:demo:mer_test", "2026-10:received", "2026-10:demo"]
    (settlements, stated), (_, received), (payouts, decided) = told(outbox.sent)
    assert (settlements, payouts) == (topics.SETTLEMENTS, topics.PAYOUTS)
    assert isinstance(stated, SettlementStated)
    assert isinstance(received, SettlementReceived)
    assert isinstance(decided, PayoutDecided)
    assert (stated.net, received.difference, decided.carried) == (2257, 0, 2257)


async def refusal(asked: object) -> str:
    """The code with which something is refused."""
    with pytest.raises(Refused) as refused:
        await asked  # type: ignore[misc]
    return refused.value.code


async def test_who_closed_and_who_settled_is_on_record_once(books: Books) -> None:
    await books.hear(changed())
    for _ in range(2):
        await books.closing.close(OCTOBER, KARI)
        await books.closing.receive(OCTOBER, RECEIVED, 2520, "k_ola")
    rows = await books.mongo.database["finance_audit"].find().sort("_id").to_list(None)
    assert [(row["actor"], row["action"], row["subject"]) for row in rows] == [
        (KARI, "premium.close", OCTOBER),
        ("k_ola", "premium.receive", OCTOBER),
    ]
    assert (rows[1]["before"]["received_ore"], rows[1]["after"]["received_ore"]) == (None, 2520)


async def test_what_is_received_in_a_month_that_is_closed_is_booked_in_the_next(books: Books) -> None:
    await books.hear(changed(), changed(number=2, ordered_at=IN_NOVEMBER))
    await books.closing.close(OCTOBER, KARI)
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(NOVEMBER, KARI)
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    (received,) = [entry for entry in await books.entries() if entry.kind is EntryKind.RECEIVED]
    assert (received.own_month, received.month) == (NOVEMBER, "2026-12")


async def test_an_empty_month_that_was_closed_holds_up_no_settlement(books: Books) -> None:
    await books.hear(changed())
    await books.closing.close(Month("2026-08"), KARI)
    await books.closing.close(OCTOBER, KARI)
    assert (await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)).received_ore == 2520


async def test_what_users_paid_may_sum_to_nothing_and_the_operators_shares_not(books: Books) -> None:
    """A gift is charged and a ticket of the month before given back, for the same price at other shares."""
    await books.hear(changed())
    await books.closing.close(OCTOBER, KARI)
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    await books.hear(changed(number=2, service_code="14002", ordered_at=IN_NOVEMBER), reversed_())
    books.clock.advance(timedelta(days=31).total_seconds())
    settlement = await books.closing.close(NOVEMBER, KARI)
    (statement,) = await books.closing.statements(NOVEMBER)
    assert statement.gross_ore == 0
    assert settlement.expected_ore == -statement.operators_ore != 0
    await books.closing.receive(NOVEMBER, Day("2026-12-20"), settlement.expected_ore, KARI)
    balances = await books.balances()
    assert (balances[LedgerAccount.STREX], balances[LedgerAccount.OPERATORS], sum(balances.values())) == (0, 0, 0)
    assert balances[LedgerAccount.BANK] == 2520 + settlement.expected_ore


async def test_the_entries_of_a_month_are_added_up_as_the_index_gives_them(books: Books) -> None:
    """To sort a month would hold it in memory."""
    await books.hear(changed())
    profiling = books.mongo.database
    await profiling.command("profile", 2)
    try:
        await books.closing.close(OCTOBER, KARI)
    finally:
        await profiling.command("profile", 0)
    seen = {
        "ns": f"{profiling.name}.premium_entries",
        "command.find": "premium_entries",
        "command.filter.month": OCTOBER,
    }
    plans = [one["planSummary"] async for one in profiling["system.profile"].find(seen)]
    sorts = [one async for one in profiling["system.profile"].find(seen | {"hasSortStage": True})]
    await profiling["system.profile"].drop()
    assert plans == ["IXSCAN { month: 1, account_id: 1, merchant_id: 1 }"]
    assert sorts == []


async def test_two_who_close_and_settle_at_once_do_it_once(books: Books) -> None:
    await books.hear(changed(), changed(number=2, account_id=AccountId("other")))
    settlements = await asyncio.gather(*(books.closing.close(OCTOBER, KARI) for _ in range(4)))
    assert {one.expected_ore for one in settlements} == {5040}
    received = (books.closing.receive(OCTOBER, RECEIVED, ore, KARI) for ore in (5040, 5040, 5041))
    answers = await asyncio.gather(*received, return_exceptions=True)
    assert sum(isinstance(answer, Refused) and answer.code == "already_received" for answer in answers) in {1, 2}
    assert len(await books.closing.statements(OCTOBER)) == 2
    assert len(await books.closing.payouts(OCTOBER)) == 2
    assert len(await books.mongo.database["finance_audit"].find().to_list(None)) == 2
    balances = await books.balances()
    assert (balances[LedgerAccount.STREX], sum(balances.values())) == (0, 0)
    assert balances[LedgerAccount.BANK] in {5040, 5041}


async def test_what_is_heard_while_a_month_is_closed_is_in_one_month_or_the_next_and_in_none_twice(
    books: Books,
) -> None:
    await books.hear(changed())
    await asyncio.gather(
        *(books.hear(changed(number=number)) for number in range(2, 10)),
        books.closing.close(OCTOBER, KARI),
        *(books.hear(changed(number=number)) for number in range(10, 18)),
    )
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(NOVEMBER, KARI)
    statements = await books.closing.statements()
    assert sum(one.gross_ore for one in statements) == 17 * 4200
    charges = [entry for entry in await books.entries() if entry.kind is EntryKind.CHARGE]
    booked = {month: sum(entry.month == month for entry in charges) for month in (OCTOBER, NOVEMBER)}
    assert {one.month: one.gross_ore // 4200 for one in statements} == {m: n for m, n in booked.items() if n}


async def test_what_is_unknown_is_shown_month_after_month_also_where_there_is_nothing_else(books: Books) -> None:
    await books.hear(changed(S.SENT), changed(number=2))
    await books.closing.close(OCTOBER, KARI)
    for month in (NOVEMBER, Month("2026-12")):
        books.clock.advance(timedelta(days=31).total_seconds())
        await books.closing.close(month, KARI)
        (statement,) = await books.closing.statements(month)
        assert (statement.open, statement.gross_ore, statement.lines) == (OpenTotal(1, 4200), 0, ())
    await books.closing.receive(OCTOBER, RECEIVED, 2520, KARI)
    await books.hear(changed(S.OK, 2))
    books.clock.advance(timedelta(days=31).total_seconds())
    await books.closing.close(Month("2027-01"), KARI)
    (statement,) = await books.closing.statements(Month("2027-01"))
    assert (statement.gross_ore, statement.open, statement.lines[0].own_month) == (4200, OpenTotal(), OCTOBER)
    await books.closing.receive(Month("2027-01"), Day("2027-02-20"), 2520, KARI)
    assert [one.month for one in await books.closing.payouts()] == ["2027-01", OCTOBER], "what is open pays nobody"


async def test_a_refund_after_the_payout_is_a_debt_that_later_months_set_off_to_the_ore(books: Books) -> None:
    """Five months: paid out; refunded; nothing; too little; enough. At each end what is owed is what the books say."""
    month, number = OCTOBER, 0

    async def settled(charges: int, *others: PremiumChanged) -> tuple[int, int, Held | None]:
        nonlocal month, number
        at = begins_at(month) + timedelta(days=3)
        numbers = range(number, number + charges)
        number += charges
        if events := [*(changed(number=one, ordered_at=at) for one in numbers), *others]:
            await books.hear(*events)
        books.clock.advance((begins_at(moved(month, 1)) + timedelta(days=1) - books.clock.now()).total_seconds())
        settlement = await books.closing.close(month, KARI)
        on = Day((begins_at(moved(month, 1)) + timedelta(days=18)).date().isoformat())
        await books.closing.receive(month, on, settlement.expected_ore, KARI)
        payouts = await books.closing.payouts(account=ACCOUNT)
        assert (await books.balances())[LedgerAccount.MERCHANT] == -payouts[0].carried_ore
        assert sum((await books.balances()).values()) == 0
        month = moved(month, 1)
        return payouts[0].paid_ore, payouts[0].carried_ore, payouts[0].held

    paid, _, _ = await settled(10)
    assert paid == 22575
    back = begins_at(NOVEMBER) + timedelta(days=5)
    refunds = [reversed_(number=one, ordered_at=back) for one in range(4)]
    assert await settled(0, *refunds) == (0, -9030, Held.DEBT)
    assert await settled(0) == (0, -9030, Held.DEBT)
    assert await settled(6) == (0, 4515, Held.UNDER_MINIMUM)
    assert await settled(2) == (0, 9030, Held.UNDER_MINIMUM)
    assert await settled(1) == (11287, 0, None)
    everything = await books.closing.payouts(account=ACCOUNT)
    assert sum(one.net_ore for one in everything) == sum(one.paid_ore for one in everything)
