"""Where a customer wants to be told, and what of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

import msgspec

from services.dlr.webhooks.endpoints.occasion import FINAL_OCCASIONS, Occasion
from shared.ids import AccountId
from shared.privacy.sealing import Sealed

EndpointId = NewType("EndpointId", str)

DEFAULT_STATES: Final = tuple(sorted(FINAL_OCCASIONS))
MOST_ENDPOINTS: Final = 50
"""Of one account: each of its events is matched against all of them."""

_CALLBACKS: Final = "callbacks."


class Off(StrEnum):
    """Why an endpoint is switched off."""

    BY_CUSTOMER = "by_customer"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """Nothing but failures for three days."""


class Secret(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signing secret, sealed; `until` is when a replaced one ends."""

    sealed: Sealed
    until: datetime | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document. `version` grows with every change by people; `failing_since` is the first failure in a row.

    The endpoint of an account's callbacks has no URL: each message brings its own. Its document holds the secret.
    """

    id: EndpointId = msgspec.field(name="_id")
    account_id: AccountId
    url: str
    states: tuple[Occasion, ...]
    secrets: tuple[Secret, ...]
    version: int
    created_at: datetime
    created_by: str | None = None
    off: Off | None = None
    off_since: datetime | None = None
    failing_since: datetime | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is to know: an endpoint of it was switched off by us."""

    id: str = msgspec.field(name="_id")
    account_id: AccountId
    endpoint_id: EndpointId
    reason: Off
    at: datetime


def callbacks_of(account: AccountId) -> EndpointId:
    """The id under which an account's callbacks have their secret; no other id has a dot."""
    return EndpointId(f"{_CALLBACKS}{account}")


def is_callbacks(endpoint_id: str) -> bool:
    """Whether an id is one of `callbacks_of`."""
    return endpoint_id.startswith(_CALLBACKS)
