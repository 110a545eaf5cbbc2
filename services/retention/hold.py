"""Legal holds: nothing is deleted where a crime is suspected or a dispute goes on (R-121)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

import msgspec

from shared.contracts.privacy import PrivacyOrdered, Pseudonym
from shared.ids import AccountId
from shared.privacy.holds import Held

HoldId = NewType("HoldId", str)

OLD: Final = timedelta(days=182)
"""A hold older than this is told as an alarm: one that is forgotten is a breach."""


class Reason(StrEnum):
    """The class of the reason; there is no more of it here."""

    CRIMINAL_SUSPICION = "criminal_suspicion"
    DISPUTE = "dispute"


class LegalHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold on an account, or on one `person` of it, whose pseudonyms are kept until it is closed. Keys are named by
    their ids.
    """

    hold_id: HoldId = msgspec.field(name="_id")
    account_id: AccountId
    reason: Reason
    opened_by: str
    opened_at: datetime
    person: bool = False
    pseudonyms: tuple[Pseudonym, ...] = ()
    closed_by: str | None = None
    closed_at: datetime | None = None

    def stops(self, order: PrivacyOrdered) -> bool:
        """Whether it withholds an order by itself."""
        return self.account_id == order.account_id and Held(not self.person, self.pseudonyms).stops(order)
