"""What others must know of accounts (v1). No secret, no name of a person, no address."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.contracts.events import Account, Event, Utc
from shared.contracts.words import AccountState, Lane

Hour = Annotated[int, msgspec.Meta(ge=0, le=23)]


class AccountChanged(Event, frozen=True, kw_only=True):
    """An account as it is since `changed_at`: the whole of it, so the last one per account is all one needs to read.

    `version` grows with every change, also of what is not in here (keys, passwords, addresses): a reader drops an
    event whose version is not above the one that it has. Limits that are absent are the gateway's defaults.
    Marketing waits from the hour `quiet_from` to the hour `quiet_to`, Europe/Oslo; the same hour twice is never.
    """

    account_id: Account
    organisation_id: str
    state: AccountState
    version: int
    changed_at: Utc
    default_sender: str | None = None
    registered_senders: tuple[str, ...] = ()
    approved_domains: tuple[str, ...] = ()
    quiet_from: Hour = 20
    quiet_to: Hour = 8
    stopped_lanes: tuple[Lane, ...] = ()
    stopped_senders: tuple[str, ...] = ()
    stopped_premium: bool = False
    messages_per_second: int | None = None
    messages_burst: int | None = None
    parts_per_second: int | None = None
    parts_burst: int | None = None
    messages_per_month: int | None = None
