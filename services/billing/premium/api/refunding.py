"""Asking for refunds: by transaction, or by what a user knows - number, short number, day (R-81)."""

from __future__ import annotations

from typing import Final

from services.billing.premium.api.asking import RefundAsked, day_in, invalid
from services.billing.premium.ledger import Ledger
from services.billing.premium.refund import Refund, RefusalCode
from services.billing.premium.refunding import Refunds
from shared.clock import Clock
from shared.contracts.premium import TransactionId
from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.money.periods import Day
from shared.privacy.pseudonyms import Pseudonyms
from shared.text.numbers import parse

_YEARS: Final = 2
"""So many years back somebody is known who bought something; the books forget before."""


class RefundDesk:
    """Takes what the company that sold the service asks for (R-80); nobody else has a way to ask."""

    def __init__(self, ledger: Ledger, refunds: Refunds, pseudonyms: Pseudonyms, clock: Clock) -> None:
        self._ledger = ledger
        self._refunds = refunds
        self._pseudonyms = pseudonyms
        self._clock = clock

    async def ask(self, account: AccountId, asked: RefundAsked, by: str) -> tuple[list[Refund], bool]:
        """The refunds, and whether any is new. By number, short number and day it is everything billed then.

        Raises `Refused`: `invalid_request`, `not_found`, `not_billed`, `outcome_open`, `number_forgotten`.
        """
        refunds, new = [], False
        refusal = Refused(RefusalCode.NOT_FOUND, "there is no such transaction")
        for charge in await self._charges(account, asked):
            try:
                refund, made = await self._refunds.ask(
                    account, charge, at=self._clock.now(), by=by, reason=asked.reason
                )
            except Refused as refused:
                refusal = refused
            else:
                refunds.append(refund)
                new = new or made
        if not refunds:
            raise refusal
        return refunds, new

    async def _charges(self, account: AccountId, asked: RefundAsked) -> list[TransactionId]:
        address = (asked.to, asked.short_number, asked.day)
        if asked.transaction_id is not None:
            if any(part is not None for part in address):
                raise invalid("/transaction_id", "unknown_field", "is given instead of number, short number and day")
            return [TransactionId(asked.transaction_id)]
        if asked.to is None or asked.short_number is None or asked.day is None:
            raise invalid("/transaction_id", "missing_field", "or give to, short_number and day")
        try:
            number = parse(asked.to).number
        except Refused as refused:
            raise Refused(
                "invalid_request", "a field is wrong", [FieldError("/to", refused.code, refused.detail)]
            ) from None
        day = day_in(asked.day, "/day")
        this = self._clock.now().year
        # Asking for the key of a year makes it: only for years in which somebody may have bought something.
        years = [year for year in sorted(_years(day)) if this - _YEARS <= year <= this]
        try:
            known = [self._pseudonyms.in_year(account, number, year) for year in years]
        except Refused:
            raise Refused(RefusalCode.NUMBER_FORGOTTEN, "the key of that year was destroyed") from None
        return [one.id for one in await self._ledger.bought(account, known, asked.short_number, day)]


def _years(day: Day) -> set[int]:
    """Years in UTC that a day in Oslo touches: the first hour of New Year's Day is still the old year."""
    year = int(day[:4])
    return {year, year - 1} if day.endswith("-01-01") else {year}
