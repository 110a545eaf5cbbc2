"""Endpoints from a small memory, so that an event costs no database read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

import msgspec

from services.dlr.webhooks.client.targets import Targets
from services.dlr.webhooks.endpoints.endpoint import Endpoint
from services.dlr.webhooks.endpoints.policy import Key, Known, Place, callback
from services.dlr.webhooks.endpoints.secrets import Secrets
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.clock import Clock
from shared.errors import BadRecord, Refused
from shared.ids import AccountId
from shared.telemetry.logs import get_log

_log = get_log()


class _Entry(msgspec.Struct, frozen=True):
    known: Known
    at: float


class EndpointView:
    """What was read less than `ttl` seconds ago is as good as new: a change holds everywhere within that time.

    One query for all accounts of a batch. At most `size` accounts are remembered, those without endpoints too.
    """

    def __init__(
        self,
        store: EndpointStore,
        secrets: Secrets,
        clock: Clock,
        *,
        private: bool = False,
        ttl: float = 1.0,
        size: int = 50_000,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._targets = Targets(private=private)
        self._ttl = ttl
        self._size = size
        self._entries: OrderedDict[AccountId, _Entry] = OrderedDict()

    async def of(self, accounts: Collection[AccountId], *, anew: bool = False) -> dict[AccountId, Known]:
        """What is known of each of these accounts; `anew` asks the database in any case. Raises `TryLater`."""
        now = self._clock.monotonic()
        found: dict[AccountId, Known] = {}
        ask = []
        for account in accounts:
            entry = self._entries.get(account)
            if entry is not None and not anew and now - entry.at < self._ttl:
                found[account] = entry.known
            else:
                ask.append(account)
        if ask:
            rows: dict[AccountId, list[Endpoint]] = {account: [] for account in ask}
            for endpoint in await self._store.all_of(ask):
                rows[endpoint.account_id].append(endpoint)
            for account, endpoints in rows.items():
                found[account] = self._remember(account, endpoints, now)
        return found

    def callback(self, account: AccountId, url: str, known: Known) -> Place | None:
        """The place of a callback; None for an URL that cannot be one of ours to call."""
        try:
            target = self._targets.parse(url)
        except Refused:
            return None
        return callback(account, url, target, known.callback_keys)

    def place(self, endpoint: Endpoint) -> Place | None:
        """An endpoint, ready to be delivered to; None when its URL is refused by now or its secret does not open."""
        try:
            target = self._targets.parse(endpoint.url)
            keys = self._keys(endpoint)
        except (Refused, BadRecord) as error:
            _log.error("webhook_endpoint_unusable", endpoint_id=endpoint.id, code=error.code)
            return None
        return Place(
            endpoint_id=endpoint.id,
            account_id=endpoint.account_id,
            channel=endpoint.id,
            url=endpoint.url,
            target=target,
            keys=keys,
            states=frozenset(endpoint.states),
            version=endpoint.version,
            failing_since=endpoint.failing_since,
        )

    def _remember(self, account: AccountId, endpoints: Iterable[Endpoint], now: float) -> Known:
        before = self._entries.pop(account, None)
        old = {} if before is None else {place.endpoint_id: place for place in before.known.places}
        places: list[Place] = []
        callback_keys: tuple[Key, ...] = ()
        for endpoint in endpoints:
            if not endpoint.url:
                callback_keys = self._callback_keys(endpoint)
                continue
            if endpoint.off is not None:
                continue
            same = old.get(endpoint.id)
            if same is not None and same.version == endpoint.version:
                place: Place | None = msgspec.structs.replace(same, failing_since=endpoint.failing_since)
            else:
                place = self.place(endpoint)
            if place is not None:
                places.append(place)
        known = Known(tuple(places), callback_keys)
        if len(self._entries) >= self._size:
            self._entries.popitem(last=False)
        self._entries[account] = _Entry(known, now)
        return known

    def _callback_keys(self, endpoint: Endpoint) -> tuple[Key, ...]:
        try:
            return self._keys(endpoint)
        except BadRecord as error:
            _log.error("webhook_endpoint_unusable", endpoint_id=endpoint.id, code=error.code)
            return ()

    def _keys(self, endpoint: Endpoint) -> tuple[Key, ...]:
        return tuple(
            Key(octets, secret.until)
            for secret in endpoint.secrets
            for octets in self._secrets.keys(endpoint.account_id, endpoint.id, (secret,))
        )
