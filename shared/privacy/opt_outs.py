"""Who wants no more from whom: the table behind `config.opt-outs`, for whoever must not send to them."""

from __future__ import annotations

from functools import partial

from shared.contracts.codec import only
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, read_opt_out_key
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.kafka.record import Record
from shared.privacy.pseudonyms import Pseudonyms
from shared.telemetry.logs import get_log

_log = get_log()

read_opt_out = partial(only, OptOutRequested)


class OptOuts:
    """What the topic said so far. `apply` bears a record that it has had before.

    An account without opt-outs costs one look-up; any other one pseudonym for each year in which it has some.
    `changes` grows with every record: who has looked since has nothing new to find.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.changes = 0
        self._pseudonyms = pseudonyms
        self._scopes: dict[AccountId, dict[str, set[str]]] = {}
        self._years: dict[AccountId, set[int]] = {}

    def apply(self, record: Record, event: OptOutRequested | None) -> None:
        """One record of the topic; without event it is a tombstone, which takes an opt-out back."""
        self.changes += 1
        if event is not None:
            self._scopes.setdefault(event.account_id, {}).setdefault(event.pseudonym, set()).add(event.scope)
            self._years.setdefault(event.account_id, set()).add(int(event.pseudonym.partition(":")[0]))
            return
        try:
            account, scope, pseudonym = read_opt_out_key(record.key)
        except BadRecord as error:
            _log.error("opt_out_key_unreadable", offset=record.offset, code=error.code)
            return
        people = self._scopes.get(account, {})
        scopes = people.get(pseudonym, set())
        scopes.discard(scope)
        if not scopes:
            people.pop(pseudonym, None)

    def covers(self, account: AccountId, number: str, sender: str) -> bool:
        """Whether the person with this number (E.164) wants nothing of the account, or nothing from this sender."""
        people = self._scopes.get(account)
        if not people:
            return False
        for year in self._years[account]:
            scopes = people.get(self._pseudonyms.in_year(account, number, year))
            if scopes and (EVERY_SENDER in scopes or sender.casefold() in scopes):
                return True
        return False
