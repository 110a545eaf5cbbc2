"""Everything that the simulator was asked for and what money it moved, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from simulators.strex.profile import ORDINARY, Profile, of_fake
from simulators.strex.transaction import Kind, Transaction
from simulators.strex.wire import OneTimePassword, Properties

OSLO = ZoneInfo("Europe/Oslo")


class SentPassword(msgspec.Struct):
    """A one-time password, and how often another code was given instead."""

    request: OneTimePassword
    created: datetime
    wrong: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Over the life of the process; money in øre. `posts` counts every POST of a charge that was taken in, also one
    whose id stood already (`repeats`); `charges` counts movements of money, which are never two for one id.
    """

    posts: int
    repeats: int
    deletes: int
    charges: int
    charged: int
    reversals: int
    reversed: int
    passwords: int
    open: int


class Ledger:
    """Transactions by id, one-time passwords by the same ids, profiles and what each subscriber spent in a month."""

    def __init__(self) -> None:
        self.transactions: dict[str, Transaction] = {}
        self.passwords: dict[str, SentPassword] = {}
        self.profiles: dict[str, Profile] = {}
        self.repeats = self.deletes = self.posts = 0
        self._open: dict[str, int] = defaultdict(int)
        self._spent: dict[tuple[str, int, int], int] = defaultdict(int)
        self._charged = self._charges = self._reversed = self._reversals = 0

    def add(self, transaction: Transaction) -> None:
        """Keep a new one. `KeyError` is a fault of ours: ids are looked up before."""
        if transaction.id in self.transactions and transaction.posts == 1:
            raise KeyError(transaction.id)
        self.transactions[transaction.id] = transaction

    def profile(self, recipient: str, properties: Properties | None) -> Profile:
        """What the subscriber is like. `TestInProd` gives the fake numbers their meaning."""
        own = self.profiles.get(recipient)
        if own is not None:
            return own
        fake = of_fake(recipient, test_in_prod=(properties or {}).get("TestInProd") is True)
        return ORDINARY if fake is None else fake

    def begin(self, recipient: str) -> None:
        """The user is in a transaction."""
        self._open[recipient] += 1

    def end(self, recipient: str) -> None:
        """The user is out of it."""
        self._open[recipient] -= 1

    def busy(self, recipient: str) -> bool:
        """Whether the user is in a transaction."""
        return self._open[recipient] > 0

    def spent(self, recipient: str, at: datetime) -> int:
        """Øre charged to the subscriber in the calendar month of `at`."""
        return self._spent[_month(recipient, at)]

    def spent_in_year(self, recipient: str, at: datetime) -> int:
        """The same for the calendar year."""
        year = at.astimezone(OSLO).year
        return sum(self._spent.get((recipient, year, month), 0) for month in range(1, 13))

    def move(self, transaction: Transaction, at: datetime) -> None:
        """Money moves: `price` is negative for a reversal."""
        price = transaction.price or 0
        self._spent[_month(transaction.recipient, at)] += price
        own = self.profiles.get(transaction.recipient)
        if own is not None and own.prepaid:
            self.profiles[transaction.recipient] = msgspec.structs.replace(own, balance=max(own.balance - price, 0))
        if transaction.kind is Kind.REVERSAL:
            self._reversals += 1
            self._reversed -= price
        else:
            self._charges += 1
            self._charged += price

    def totals(self) -> Totals:
        """A snapshot."""
        return Totals(
            posts=self.posts,
            repeats=self.repeats,
            deletes=self.deletes,
            charges=self._charges,
            charged=self._charged,
            reversals=self._reversals,
            reversed=self._reversed,
            passwords=len(self.passwords),
            open=sum(1 for one in self.transactions.values() if one.is_open),
        )

    def created_on(self, day: str) -> Iterator[Transaction]:
        """Those of one calendar day in Oslo, YYYY-MM-DD, as they came."""
        for transaction in self.transactions.values():
            if transaction.created.astimezone(OSLO).date().isoformat() == day:
                yield transaction


def _month(recipient: str, at: datetime) -> tuple[str, int, int]:
    local = at.astimezone(OSLO)
    return recipient, local.year, local.month
