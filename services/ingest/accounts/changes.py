"""What may become of an account: a value in, the changed value out. Pure; a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec

from services.ingest.accounts.account import Account, Stops
from shared.contracts.words import AccountState, Lane
from shared.errors import Refused


class ChangeCode(StrEnum):
    """Why a change is refused; public."""

    ACCOUNT_CLOSED = "account_closed"
    ALREADY_EXISTS = "already_exists"
    LAST_ADMIN = "last_admin"
    KEY_NOT_ACTIVE = "key_not_active"
    CHANGED_MEANWHILE = "changed_meanwhile"


class What(msgspec.Struct, frozen=True):
    """The part of an account that is suspended or resumed; nothing named is all of it."""

    lanes: Collection[Lane] = ()
    senders: Collection[str] = ()
    premium: bool = False

    @property
    def everything(self) -> bool:
        """Whether nothing is named."""
        return not (self.lanes or self.senders or self.premium)


def suspend(account: Account, what: What) -> Account:
    """Stop the account, or these parts of it beside those that are stopped already. Raises as `require_open`."""
    require_open(account)
    if what.everything:
        return msgspec.structs.replace(account, state=AccountState.SUSPENDED)
    stops = account.stops
    return msgspec.structs.replace(
        account,
        stops=Stops(
            lanes=_sorted_lanes({*stops.lanes, *what.lanes}),
            senders=tuple(sorted({*stops.senders, *what.senders})),
            premium=stops.premium or what.premium,
        ),
    )


def resume(account: Account, what: What) -> Account:
    """Let the account, or these parts of it, send again. Nothing named lifts everything. Raises as `require_open`."""
    require_open(account)
    if what.everything:
        return msgspec.structs.replace(account, state=AccountState.ACTIVE, stops=Stops())
    stops = account.stops
    return msgspec.structs.replace(
        account,
        stops=Stops(
            lanes=_sorted_lanes({*stops.lanes} - {*what.lanes}),
            senders=tuple(sorted({*stops.senders} - {*what.senders})),
            premium=stops.premium and not what.premium,
        ),
    )


def close(account: Account) -> Account:
    """For ever. Its password, its addresses and its way in over Kafka go."""
    if account.state is AccountState.CLOSED:
        return account
    return msgspec.structs.replace(
        account,
        state=AccountState.CLOSED,
        access=msgspec.structs.replace(account.access, password=None, ranges=(), kafka=None),
    )


def approve_domains(account: Account, domains: Collection[str]) -> Account:
    """Let the account link to these domains beside those that it may link to already. Raises as `require_open`."""
    require_open(account)
    sending = account.sending
    known = tuple(sorted({*sending.domains, *domains}))
    return msgspec.structs.replace(account, sending=msgspec.structs.replace(sending, domains=known))


def require_open(account: Account) -> None:
    """Raise `Refused` (`account_closed`) for an account that is closed: nothing about it changes any more."""
    if account.state is AccountState.CLOSED:
        raise Refused(ChangeCode.ACCOUNT_CLOSED, "the account is closed, for ever")


def _sorted_lanes(lanes: Collection[Lane]) -> tuple[Lane, ...]:
    return tuple(lane for lane in Lane if lane in lanes)
