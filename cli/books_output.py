"""What people see of the premium books: aligned columns."""

from __future__ import annotations

from collections.abc import Iterator

from cli.books import Booked, Month, Reconciled, Refunds, Side, Transactions
from cli.money import crowns
from cli.output import aligned, clean

_NONE = "-"


def transactions(page: Transactions) -> Iterator[str]:
    """One line per transaction, under a heading."""
    rows = [("ID", "ORDERED", "ACCOUNT", "MERCHANT", "SHORT NUMBER", "SERVICE", "PRICE", "STANDING", "DETAIL")]
    rows += [
        (
            clean(one.id),
            clean(one.charge.ordered_at if one.charge else None),
            clean(one.account_id),
            clean(one.merchant_id),
            clean(one.short_number),
            clean(one.service_code),
            crowns(one.price),
            clean(one.standing),
            clean(one.charge.detail if one.charge else None),
        )
        for one in page.transactions
    ]
    yield from aligned(rows)


def booked(answer: Booked) -> Iterator[str]:
    """The transaction, and below it its entries line by line; plus is debit."""
    one = answer.transaction
    yield f"{clean(one.id)}  {crowns(one.price)}  {clean(one.standing)}"
    rows = [("  DAY", "BOOKED IN", "ENTRY", "LEDGER ACCOUNT", "AMOUNT")]
    rows += [
        (f"  {clean(entry.day)}", clean(entry.month), clean(entry.kind), clean(line.account), crowns(line.ore))
        for entry in answer.entries
        for line in entry.lines
    ]
    yield from aligned(rows)


def refunds(answer: Refunds) -> Iterator[str]:
    """One line per refund, under a heading."""
    rows = [("ID", "PRICE", "STATE", "USER HAS IT BY", "DETAIL")]
    rows += [
        (clean(one.id), crowns(one.price), clean(one.state), clean(one.user_paid_by), clean(one.detail))
        for one in answer.refunds
    ]
    yield from aligned(rows)


def month(answer: Month) -> Iterator[str]:
    """Statements and payouts of a month, and what Strex owes or paid."""
    rows = [("ACCOUNT", "MERCHANT", "GROSS", "OPERATORS", "OUR FEE", "VAT", "NET", "OPEN")]
    rows += [
        (
            clean(one.account_id),
            clean(one.merchant_id),
            crowns(one.gross_ore),
            crowns(one.operators_ore),
            crowns(one.fee_ore),
            crowns(one.vat_ore),
            crowns(one.net_ore),
            f"{one.open.count} of {crowns(one.open.ore)}" if one.open.count else _NONE,
        )
        for one in answer.statements
    ]
    yield from aligned(rows)
    settlement = answer.settlement
    if settlement.received_on is None or settlement.received_ore is None:
        yield f"Strex owes {crowns(settlement.expected_ore)} for {clean(answer.month)}: nothing is paid out before"
        return
    difference = settlement.received_ore - settlement.expected_ore
    less = f", {crowns(difference)} beside what was expected" if difference else ""
    yield f"Strex paid {crowns(settlement.received_ore)} on {clean(settlement.received_on)}{less}"
    paid = [("ACCOUNT", "BROUGHT FORWARD", "NET", "PAID", "ON", "CARRIED", "")]
    paid += [
        (
            clean(one.account_id),
            crowns(one.brought_forward_ore),
            crowns(one.net_ore),
            crowns(one.paid_ore),
            clean(one.pay_on),
            crowns(one.carried_ore),
            clean(one.held) if one.held else "",
        )
        for one in answer.payouts
    ]
    yield from aligned(paid)


def report(answer: Reconciled) -> Iterator[str]:
    """A day compared: sums, and every transaction that differs."""
    one = answer.report
    yield f"{clean(one.day)}: {one.matched} agree ({crowns(one.matched_ore)}), {one.open} open on both sides"
    yield f"  billed here {crowns(one.ours_ore)}, there {crowns(one.theirs_ore)}; {one.passed_over} rows cost nothing"
    rows = [
        (
            f"  {clean(found.transaction_id)}",
            clean(found.difference),
            _side("here", found.ours),
            _side("there", found.theirs),
        )
        for found in one.findings
    ]
    rows += [(f"  row {bad.row}", "unreadable", clean(bad.column), "") for bad in one.unreadable]
    if rows:
        yield from aligned(rows)
    if one.not_listed:
        yield f"  and {one.not_listed} more"


def _side(where: str, side: Side | None) -> str:
    if side is None:
        return f"{where} {_NONE}"
    return f"{where} {_NONE if side.price is None else crowns(side.price)} ({clean(side.billed)})"
