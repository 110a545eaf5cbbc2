"""Our books of a day against the daily file of Strex: what matches, and by name everything that does not.

Nothing is mended here: a finding is for a person, and the books change by events alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from services.billing.premium.daily_file import FileRow, Unreadable
from services.billing.premium.transaction import FREE, Leg, Transaction, leg_day
from shared.contracts.premium import Billed, TransactionId, reversal_id
from shared.money.periods import Day

T = TypeVar("T")


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

    `open` transactions are unknown on both sides; `passed_over` rows are of messages that cost nothing. `findings` and
    `unreadable` are the first thousand of each; `not_listed` is how many there are beside.
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
    not_listed: int = 0

    @property
    def clean(self) -> bool:
        """Whether nobody has to look."""
        return not self.findings and not self.unreadable


class Comparison:
    """Compares a day part by part, in memory that does not grow with the day."""

    def __init__(self, day: Day, *, most: int = 1_000) -> None:
        """`most` findings, and as many unreadable rows, are listed."""
        self._day = day
        self._most = most
        self._sums = dict.fromkeys(("matched", "matched_ore", "ours_ore", "theirs_ore", "open", "passed_over"), 0)
        self._findings: list[Finding] = []
        self._unreadable: list[Unreadable] = []
        self._not_listed = 0

    def pass_over(self, rows: Sequence[Unreadable]) -> None:
        """Note rows that cannot be used."""
        self._list(self._unreadable, rows)

    def add(self, transactions: Iterable[Transaction], rows: Sequence[FileRow]) -> None:
        """Compare everything that the two sides have on some charges, which no other part names.

        `transactions` are those with a leg on that day, and those that the rows name: around midnight the two sides may
        disagree on the day, which is no difference.
        """
        legs = [leg for one in transactions for leg in _legs(one)]
        known = {name: side for name, _, side in legs}
        here = {name: side for name, of, side in legs if of == self._day}
        paid = [row for row in rows if row.transaction_id in known or (row.price and row.service_code not in FREE)]
        theirs = {row.transaction_id: Side(row.price, row.billed) for row in paid}
        findings = list(_findings(known, here, paid, theirs))
        wrong = {finding.transaction_id for finding in findings}
        agreed = [side for name, side in theirs.items() if name not in wrong]
        ours = [*here.values(), *(known[name] for name in theirs if name in known and name not in here)]
        for name, count in {
            "matched": sum(side.billed is not Billed.UNKNOWN for side in agreed),
            "matched_ore": _ore(agreed),
            "ours_ore": _ore(ours),
            "theirs_ore": _ore(theirs.values()),
            "open": sum(side.billed is Billed.UNKNOWN for side in agreed),
            "passed_over": sum(row.times for row in rows) - sum(row.times for row in paid),
        }.items():
            self._sums[name] += count
        self._list(self._findings, sorted(findings, key=lambda one: (one.transaction_id.lstrip("-"), one.difference)))

    def report(self) -> Report:
        """What has come of all parts."""
        return Report(
            day=self._day,
            **self._sums,
            findings=tuple(self._findings),
            unreadable=tuple(self._unreadable),
            not_listed=self._not_listed,
        )

    def _list(self, listed: list[T], more: Sequence[T]) -> None:
        room = self._most - len(listed)
        listed += more[:room]
        self._not_listed += max(len(more) - room, 0)


def _findings(
    known: Mapping[TransactionId, Side],
    here: Mapping[TransactionId, Side],
    paid: Iterable[FileRow],
    theirs: Mapping[TransactionId, Side],
) -> Iterator[Finding]:
    """Every difference; a transaction may have two."""
    for row in paid:
        name = row.transaction_id
        if row.times > 1:
            yield Finding(name, Difference.TWICE, known.get(name), theirs[name])
        if (difference := _difference(known.get(name), theirs[name])) is not None:
            yield Finding(name, difference, known.get(name), theirs[name])
    for name, side in here.items():
        if name not in theirs and side.billed is not Billed.FALSE:
            yield Finding(name, Difference.MISSING_THERE, side)


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
