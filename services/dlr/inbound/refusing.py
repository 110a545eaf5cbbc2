"""Opt-outs on record: one row for a person, an account and a scope, whoever asks and however often."""

from __future__ import annotations

from datetime import datetime

from services.dlr.inbound.store import InboundStore, OptOutRow, opt_out_id
from shared.contracts.inbound import OptOutSource
from shared.ids import AccountId
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import TIMELESS, Sealer


class Refusing:
    """Adds rows. Telling others, on `config.opt-outs`, is for whoever asks. An opt-out lives longer than any quarter's
    key, so its number is sealed under that of no time.
    """

    def __init__(self, store: InboundStore, sealer: Sealer, pseudonyms: Pseudonyms) -> None:
        self._store = store
        self._sealer = sealer
        self._pseudonyms = pseudonyms

    async def find(self, account: AccountId, scope: str, number: str) -> OptOutRow | None:
        """The row of a person, whichever year's key it is under."""
        ids = [
            opt_out_id(account, scope, self._pseudonyms.in_year(account, number, year))
            for year in await self._store.years_of(account)
        ]
        found = await self._store.opt_outs_with(ids) if ids else []
        return found[0] if found else None

    async def add(
        self, account: AccountId, scope: str, number: str, at: datetime, source: OptOutSource, by: str
    ) -> tuple[OptOutRow, bool]:
        """The row, and whether it is that of this very asking (`by`), also when that is repeated. Two that ask at once
        get the same row, and one of them is the first.
        """
        row = await self.find(account, scope, number)
        if row is None:
            pseudonym = self._pseudonyms.of(account, number, at)
            name = opt_out_id(account, scope, pseudonym)
            row = await self._store.opt_out(
                OptOutRow(
                    id=name,
                    account_id=account,
                    scope=scope,
                    pseudonym=pseudonym,
                    year=at.year,
                    at=at,
                    source=source,
                    by=by,
                    number=self._sealer.seal(account, name, "number", number, TIMELESS),
                )
            )
        return row, row.by == by
