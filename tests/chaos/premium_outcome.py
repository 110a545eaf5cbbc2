"""What a run of `tests.chaos.premium` found, against what must be: as a table, and for docs/reliability.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from docs.sections.charges import Charges, Line


class Check(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    found: int
    wanted: int
    at_most: bool = False

    @property
    def bound(self) -> str:
        """What it must be."""
        return "at most " * self.at_most + str(self.wanted)

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.found <= self.wanted if self.at_most else self.found == self.wanted


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at the end. Money is øre.

    Of those that Strex billed and could not deliver, its daily file says `Failed` and not that money moved:
    `contradicted` are so, and the comparison has `named` them. `differences` are all others.
    """

    charges: int
    seconds: float
    kills: int
    most_posts: int
    taken: int
    not_ordered: int
    mispriced: int
    not_taken: int
    may_be_lost: int
    charged_there: int
    charged_here: int
    refunds: int
    reversals_there: int
    reversals_here: int
    reversed_there: int
    reversed_here: int
    open_there: int
    open_here: int
    sum_of_the_books: int
    contradicted: int
    named: int
    differences: tuple[str, ...]

    @property
    def checks(self) -> Sequence[Check]:
        """What must be so."""
        return (
            Check("most calls for one charge", self.most_posts, 1),
            Check("charges that Strex has, or that say `not_taken`", self.taken + self.not_taken, self.charges),
            Check("charges and reversals that nobody asked for", self.not_ordered, 0),
            Check("charges of another price than ordered", self.mispriced, 0),
            Check("charges that say `not_taken`", self.not_taken, self.may_be_lost, at_most=True),
            Check("charged in the books, øre", self.charged_here, self.charged_there),
            Check("refunds asked for, to reversals by Strex", self.refunds, self.reversals_there),
            Check("reversals in the books", self.reversals_here, self.reversals_there),
            Check("reversed in the books, øre", self.reversed_here, self.reversed_there),
            Check("open in the books", self.open_here, self.open_there),
            Check("sum of all entries", self.sum_of_the_books, 0),
            Check("billed and `Failed` in the daily file, named", self.named, self.contradicted),
            Check("other differences to the daily file", len(self.differences), 0),
        )

    @property
    def good(self) -> bool:
        """Whether all of it is so."""
        return all(check.good for check in self.checks)

    def written_down(self) -> Charges:
        """For the page."""
        lines = [Line(one.what, str(one.found), one.bound, one.good) for one in self.checks]
        return Charges(datetime.now(UTC).date().isoformat(), self.charges, self.kills, self.seconds, tuple(lines))

    def table(self) -> str:
        """A line for each check, and what else is wrong."""
        lines = [
            f"{self.charges} charges in {self.seconds:.0f} s, {self.kills} kills",
            f"{'':<48}{'found':>12}{'wanted':>20}",
            *(
                f"{one.what:<48}{one.found:>12}{one.bound:>20}  {'good' if one.good else 'WRONG'}"
                for one in self.checks
            ),
            *self.differences,
        ]
        return "\n".join([*lines, "good" if self.good else "NOT GOOD"])
