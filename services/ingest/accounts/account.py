"""Organisations, their accounts, and the accounts' keys, as the rest of the service sees them (R-20, R-90)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NewType

import msgspec

from services.ingest.accounts.addresses import IpRange
from services.ingest.accounts.keys import KeyId, Scope
from shared.contracts.words import AccountState, Lane
from shared.ids import AccountId

OrganisationId = NewType("OrganisationId", str)

Utc = Annotated[datetime, msgspec.Meta(tz=True)]


class Organisation(msgspec.Struct, frozen=True):
    """Who has accounts. Accounts of one organisation may know of each other, others never."""

    organisation_id: OrganisationId
    name: str
    created_at: Utc | None = None


class Stops(msgspec.Struct, frozen=True):
    """What an active account may not do for the time being; sorted, without repeats."""

    lanes: tuple[Lane, ...] = ()
    senders: tuple[str, ...] = ()
    premium: bool = False


class Limits(msgspec.Struct, frozen=True):
    """The most that the account may ask for; None is the gateway's default.

    A burst is what may be asked for at once after a pause; the default is as many seconds' worth as the gateway's own.
    """

    messages_per_second: int | None = None
    messages_burst: int | None = None
    parts_per_second: int | None = None
    parts_burst: int | None = None
    messages_per_month: int | None = None


class Sending(msgspec.Struct, frozen=True):
    """What the account may send as and link to, and when its marketing waits. Sorted, without repeats.

    The default sender needs no registration. A domain stands for all that lies below it (R-87). Marketing waits from
    the hour `quiet_from` to the hour `quiet_to`, Europe/Oslo; the same hour twice is never.
    """

    senders: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    quiet_from: int = 20
    quiet_to: int = 8


class KafkaLogin(msgspec.Struct, frozen=True):
    """The account's own systems may come in over Kafka: since when, and since when with the password that they have."""

    created_at: Utc
    password_at: Utc


class Access(msgspec.Struct, frozen=True):
    """How the account gets in beside its keys (R-101, R-102).

    With `ranges` every key and password is good from these addresses alone, unless `address_suffices`: then the
    addresses are a way in of their own, and keys and passwords are good from anywhere. `password` is a hash
    (`passwords.make`). `kafka` says what the broker was told (`services.ingest.clients.letting`): it has that password.
    """

    ranges: tuple[IpRange, ...] = ()
    address_suffices: bool = False
    password: str | None = None
    kafka: KafkaLogin | None = None


class Account(msgspec.Struct, frozen=True):
    """Somebody who sends. Without `default_sender` each request must name its own. `version` counts changes."""

    account_id: AccountId
    name: str
    state: AccountState = AccountState.ACTIVE
    default_sender: str | None = None
    organisation_id: OrganisationId = OrganisationId("")
    stops: Stops = Stops()
    limits: Limits = Limits()
    access: Access = Access()
    sending: Sending = Sending()
    version: int = 0
    created_at: Utc | None = None
    changed_at: Utc | None = None


class Key(msgspec.Struct, frozen=True):
    """A stored API key: the SHA-256 of its secret, never the secret. `last_used_on` is a UTC day, YYYY-MM-DD."""

    key_id: KeyId
    account_id: AccountId
    digest: bytes
    scopes: frozenset[Scope]
    created_at: Utc
    revoked_at: Utc | None = None
    name: str = ""
    expires_at: Utc | None = None
    last_used_on: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """A key that is good, together with its account, which is not closed."""

    key: Key
    account: Account
