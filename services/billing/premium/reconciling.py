"""Our books of a day against the daily file of Strex: what matches, and by name everything that does not.

Nothing is mended here: a finding is for a person, and the books change by events alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from services.billing.premium.daily_file import DailyFile, FileRow, Unreadable
from services.billing.premium.transaction import FREE, Leg, Transaction, leg_day
from shared.contracts.premium import Billed, TransactionId, reversal_id
from shared.money.periods import Day


class Difference(StrEnum):
    """What is wrong about a transaction."""

    MISSING_THERE = "missing_there"
    """We have it as billed or open; the file does not have it."""
    MISSING_HERE = "missing_here"
    """The file has it; we never heard of it."""
    AMOUNT = "amount"
    OUTCOME = "outcome"
    """Billed on one side and not on the other, or open on one side alone."""
    NO_PRICE = "no_price"
    """The file has it without a price."""
    TWICE = "twice"
    """The file has it more than once."""


class Side(msgspec.Struct, frozen=True):
    """A transaction as one side has it. Øre, negative for a reversal."""

    price: int | None
    billed: Billed


class Finding(msgspec.Struct, frozen=True):
    """One transaction on which the two sides differ."""

    transaction_id: TransactionId
    difference: Difference
    ours: Side | None = None
    theirs: Side | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A day compared. Sums in øre are of what each side has as billed, reversals negative.

    `open` transactions are unknown on both sides; `passed_over` rows are of messages that cost nothing.
    """

    day: Day
    matched: int
    matched_ore: int
    ours_ore: int
    theirs_ore: int
    open: int
    passed_over: int
    findings: tuple[Finding, ...]
    unreadable: tuple[Unreadable, ...]

    @property
    def clean(self) -> bool:
        """Whether nobody has to look."""
        return not self.findings and not self.unreadable


def compare(day: Day, transactions: Iterable[Transaction], file: DailyFile) -> Report:
    """Compare a day.

    `transactions` are those with a leg on that day, and those that the file names: around midnight the two sides may
    disagree on the day, which is no difference.
    """
    legs = [leg for one in transactions for leg in _legs(one)]
    known = {name: side for name, _, side in legs}
    here = {name: side for name, of, side in legs if of == day}
    rows, passed_over = _payments(file.rows, known)
    names = Counter(row.transaction_id for row in rows)
    theirs = {row.transaction_id: Side(row.price, row.billed) for row in rows}
    findings = [Finding(name, Difference.TWICE, known.get(name), theirs[name]) for name, n in names.items() if n > 1]
    findings += [
        Finding(name, difference, known.get(name), side)
        for name, side in theirs.items()
        if (difference := _difference(known.get(name), side)) is not None
    ]
    findings += [
        Finding(name, Difference.MISSING_THERE, side)
        for name, side in here.items()
        if name not in theirs and side.billed is not Billed.FALSE
    ]
    wrong = {finding.transaction_id for finding in findings}
    agreed = [side for name, side in theirs.items() if name not in wrong]
    return Report(
        day=day,
        matched=sum(side.billed is not Billed.UNKNOWN for side in agreed),
        matched_ore=_ore(agreed),
        ours_ore=_ore([*here.values(), *(known[name] for name in theirs if name in known and name not in here)]),
        theirs_ore=_ore(theirs.values()),
        open=sum(side.billed is Billed.UNKNOWN for side in agreed),
        passed_over=passed_over,
        findings=tuple(sorted(findings, key=lambda finding: (finding.transaction_id.lstrip("-"), finding.difference))),
        unreadable=file.unreadable,
    )


def _payments(rows: Sequence[FileRow], known: Mapping[TransactionId, Side]) -> tuple[list[FileRow], int]:
    """The rows that speak of money, or of a transaction of ours; and how many others there are."""
    kept = [row for row in rows if row.transaction_id in known or (row.price and row.service_code not in FREE)]
    return kept, len(rows) - len(kept)


def _difference(ours: Side | None, theirs: Side) -> Difference | None:
    if ours is None:
        return Difference.MISSING_HERE
    if theirs.price is None:
        return Difference.NO_PRICE
    if ours.price != theirs.price:
        return Difference.AMOUNT
    return None if ours.billed is theirs.billed else Difference.OUTCOME


def _legs(one: Transaction) -> Iterator[tuple[TransactionId, Day, Side]]:
    """Each leg under its own id, as the file has them, with its day."""
    if one.charge is not None:
        yield one.id, leg_day(one.charge), Side(one.price, _outcome(one.charge))
    if one.reversal is not None:
        yield reversal_id(one.id), leg_day(one.reversal), Side(-one.price, _outcome(one.reversal))


def _outcome(leg: Leg) -> Billed:
    return Billed.TRUE if leg.moved else leg.billed


def _ore(sides: Iterable[Side]) -> int:
    return sum(side.price or 0 for side in sides if side.billed is Billed.TRUE)
