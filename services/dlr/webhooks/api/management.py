"""Changes of endpoints: what the routes ask for, decided without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from services.dlr.api.asking import invalid
from services.dlr.webhooks import signing
from services.dlr.webhooks.api.bodies import EndpointChange, NewEndpoint
from services.dlr.webhooks.client.client import Client
from services.dlr.webhooks.client.outcome import Outcome
from services.dlr.webhooks.client.targets import Target, parse_target
from services.dlr.webhooks.delivery.payload import render_test
from services.dlr.webhooks.endpoints.endpoint import (
    DEFAULT_STATES,
    MOST_ENDPOINTS,
    Endpoint,
    EndpointId,
    Off,
    callbacks_of,
)
from services.dlr.webhooks.endpoints.occasion import Occasion
from services.dlr.webhooks.endpoints.secrets import Secrets, replaced, valid
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.clock import Clock
from shared.errors import FieldError, Refused, TryLater
from shared.ids import AccountId

_ROUNDS: Final = 5
_ID_OCTETS: Final = 12


class Management:
    """Every method speaks of one account's endpoints: another's raise `Refused` (`not_found`), as unknown ones do.

    Changes are compare-and-set on the version; who loses changes the newer one. All raise `TryLater` without a
    database.
    """

    def __init__(
        self,
        store: EndpointStore,
        secrets: Secrets,
        client: Client,
        clock: Clock,
        token_bytes: Callable[[int], bytes],
        *,
        private: bool,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._client = client
        self._clock = clock
        self._token_bytes = token_bytes
        self._private = private

    async def create(self, account: AccountId, body: NewEndpoint, actor: str | None) -> tuple[Endpoint, str]:
        """A new endpoint and its secret. Raises `Refused`: `invalid_request`, `too_many_endpoints`."""
        self._check_url(body.url)
        if await self._store.count(account) >= MOST_ENDPOINTS:
            raise Refused("too_many_endpoints", f"an account has at most {MOST_ENDPOINTS} endpoints")
        endpoint_id = EndpointId(f"whe_{self._token_bytes(_ID_OCTETS).hex()}")
        shown, secret = self._secrets.make(account, endpoint_id)
        endpoint = Endpoint(
            id=endpoint_id,
            account_id=account,
            url=body.url,
            states=_states(body.states),
            secrets=(secret,),
            version=1,
            created_at=self._clock.now(),
            created_by=actor,
        )
        if not await self._store.add(endpoint):
            raise TryLater("id_taken", "the new id is taken; ask again")
        return endpoint, shown

    async def all_of(self, account: AccountId) -> list[Endpoint]:
        """The account's endpoints, the oldest first, without that of its callbacks."""
        return [endpoint for endpoint in await self._store.all_of([account]) if endpoint.url]

    async def one(self, account: AccountId, endpoint: EndpointId) -> Endpoint:
        """One endpoint."""
        found = await self._store.one_of(account, endpoint)
        if found is None:
            raise Refused("not_found", "there is no such endpoint")
        return found

    async def change(self, account: AccountId, endpoint: EndpointId, body: EndpointChange) -> Endpoint:
        """The endpoint after a change. Raises `Refused` (`invalid_request`)."""
        if isinstance(body.url, str):
            self._check_url(body.url)
        return await self._changed(account, endpoint, lambda before: self._apply(before, body))

    async def remove(self, account: AccountId, endpoint: EndpointId) -> None:
        """Delete; what is parked for it ends as `switched_off` when it is due."""
        if not await self._store.remove(account, endpoint):
            raise Refused("not_found", "there is no such endpoint")

    async def rotate(self, account: AccountId, endpoint: EndpointId) -> str:
        """A new secret; the one before signs beside it for 24 hours. The callbacks' first secret is made here."""
        shown, secret = self._secrets.make(account, endpoint)
        now = self._clock.now()

        def apply(before: Endpoint) -> Endpoint:
            return msgspec.structs.replace(before, secrets=replaced(before.secrets, secret, now))

        try:
            await self._changed(account, endpoint, apply)
        except Refused:
            if endpoint != callbacks_of(account) or not await self._store.add(
                Endpoint(
                    id=endpoint,
                    account_id=account,
                    url="",
                    states=DEFAULT_STATES,
                    secrets=(secret,),
                    version=1,
                    created_at=now,
                )
            ):
                raise
        return shown

    async def test(self, account: AccountId, endpoint: EndpointId) -> tuple[str, Outcome]:
        """Send a test event now, switched off or not; its id, and what came of it. Nothing of it is kept."""
        found = await self.one(account, endpoint)
        target = self._check_url(found.url)
        now = self._clock.now()
        event_id = f"test_{self._token_bytes(_ID_OCTETS).hex()}"
        body = render_test(event_id, endpoint, now)
        keys = self._secrets.keys(account, endpoint, valid(found.secrets, now))
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not ended.done():
                ended.set_result(outcome)

        self._client.post(target, signing.headers(event_id, int(now.timestamp()), body, keys), body, done)
        return event_id, await ended

    async def _changed(
        self, account: AccountId, endpoint: EndpointId, apply: Callable[[Endpoint], Endpoint]
    ) -> Endpoint:
        for _ in range(_ROUNDS):
            before = await self.one(account, endpoint)
            after = msgspec.structs.replace(apply(before), version=before.version + 1)
            if await self._store.replace(after):
                return after
        raise TryLater("endpoint_contended", "others change the same endpoint all the time")

    def _apply(self, before: Endpoint, body: EndpointChange) -> Endpoint:
        after = before
        if isinstance(body.url, str):
            after = msgspec.structs.replace(after, url=body.url, failing_since=None)
        if isinstance(body.states, list):
            after = msgspec.structs.replace(after, states=_states(body.states))
        if body.enabled is True:
            after = msgspec.structs.replace(after, off=None, off_since=None, failing_since=None)
        if body.enabled is False and after.off is None:
            after = msgspec.structs.replace(after, off=Off.BY_CUSTOMER, off_since=self._clock.now())
        return after

    def _check_url(self, url: str) -> Target:
        try:
            return parse_target(url, private=self._private)
        except Refused as refusal:
            raise invalid(FieldError("/url", refusal.code, refusal.detail)) from None


def _states(wanted: list[Occasion] | None) -> tuple[Occasion, ...]:
    return DEFAULT_STATES if wanted is None else tuple(sorted(set(wanted)))
