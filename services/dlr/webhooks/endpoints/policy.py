"""Which event goes where. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.dlr.webhooks.client.targets import Target
from services.dlr.webhooks.endpoints.endpoint import EndpointId, callbacks_of
from services.dlr.webhooks.endpoints.occasion import FINAL_OCCASIONS, OF_STATE, Occasion, occasion_of
from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import InboundRouted
from shared.contracts.states import FINAL
from shared.ids import AccountId


class Key(NamedTuple):
    """A signing key, and when it ends."""

    octets: bytes
    until: datetime | None


class Place(msgspec.Struct, frozen=True):
    """An endpoint, ready to be delivered to. `channel` is what shares its fate: in flight, waiting, failing.

    Callbacks have one channel per account and origin: their URLs may differ with every message.
    """

    endpoint_id: EndpointId
    account_id: AccountId
    channel: str
    url: str
    target: Target
    keys: tuple[Key, ...]
    states: frozenset[Occasion]
    version: int = 0
    failing_since: datetime | None = None
    callback: bool = False


class Known(msgspec.Struct, frozen=True):
    """What is known of an account: its endpoints that are switched on, and the keys of its callbacks."""

    places: tuple[Place, ...] = ()
    callback_keys: tuple[Key, ...] = ()


def places_for(event: MessageStatusChanged | InboundRouted, known: Known) -> list[Place]:
    """The account's endpoints that want to be told of this."""
    occasion = occasion_of(event)
    return [place for place in known.places if occasion in place.states]


def wants_more_than_the_end(event: MessageStatusChanged | InboundRouted, known: Known) -> bool:
    """Whether an endpoint of the account wants a state that the message only went through. A callback never does."""
    if isinstance(event, InboundRouted) or not event.passed:
        return False
    return any(OF_STATE[passed.state] in place.states for place in known.places for passed in event.passed)


def wants_callback(event: MessageStatusChanged | InboundRouted, told: Sequence[Place]) -> str | None:
    """The URL that the message brought along: for final states, unless an endpoint of the same URL is told anyway."""
    if isinstance(event, InboundRouted):
        return None
    url = event.callback_url
    if url is None or event.state not in FINAL or any(place.url == url for place in told):
        return None
    return url


def callback(account: AccountId, url: str, target: Target, keys: tuple[Key, ...]) -> Place:
    """The place of a callback."""
    origin = hashlib.sha256(f"{account}|{target.origin}".encode()).hexdigest()[:24]
    return Place(
        endpoint_id=callbacks_of(account),
        account_id=account,
        channel=f"cb_{origin}",
        url=url,
        target=target,
        keys=keys,
        states=FINAL_OCCASIONS,
        callback=True,
    )


def valid_keys(keys: Sequence[Key], now: datetime) -> list[bytes]:
    """The keys to sign with now."""
    return [key.octets for key in keys if key.until is None or key.until > now]
