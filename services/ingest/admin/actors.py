"""Who is calling `/admin`, and whether they may: a person's staff key, or an account's key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from services.ingest.accounts.failures import Failures
from services.ingest.accounts.keys import KeyId, KeyKind, Scope, matches, parse
from services.ingest.accounts.remembered import Remembered
from services.ingest.accounts.staff import CUSTOMER, PERMISSIONS, Actor, Permission, StaffKey
from services.ingest.accounts.view import AccountView
from services.ingest.admin.problems import NotPermitted
from services.ingest.api.authentication import CHALLENGE, authenticate
from services.ingest.api.bodies import headers_of
from services.ingest.api.problems import Code, Rejected
from shared.clock import Clock


class Actors:
    """Tells who calls. A revoked key is refused within 2 s, as everywhere."""

    def __init__(
        self, find: Callable[[KeyId], Awaitable[StaffKey | None]], view: AccountView, failures: Failures, clock: Clock
    ) -> None:
        """`find` gives a person's key, None when it is unknown or revoked."""
        self._staff = Remembered(find, clock)
        self._view = view
        self._failures = failures

    def needs(self, permission: Permission) -> Callable[[Request], Awaitable[Actor]]:
        """A dependency: the caller, who has this permission.

        It raises `Rejected` (`unauthorized`, `scope_missing`) and `NotPermitted`.
        """

        async def caller(request: Request) -> Actor:
            actor = await self._who(request)
            if permission not in actor.permissions:
                raise NotPermitted(permission)
            return actor

        return caller

    async def _who(self, request: Request) -> Actor:
        headers = headers_of(request.scope)
        address = request.client.host if request.client else None
        kind, _, text = headers.get(b"authorization", b"").partition(b" ")
        presented = parse(text.strip().decode("latin-1")) if kind.lower() == b"bearer" else None
        if presented is None or presented.kind is not KeyKind.STAFF:
            grant = await authenticate(self._view, request.scope, headers, Scope.ADMIN)
            account = grant.account
            return Actor(grant.key.key_id, "account", grant.key.name, address, CUSTOMER, account.organisation_id)
        if not self._failures.too_many(address) or self._staff.knows(presented.key_id):
            person = await self._staff.get(presented.key_id)
            if person is not None and matches(presented, person.digest):
                return Actor(person.key_id, person.role, person.name, address, PERMISSIONS[person.role])
        self._failures.add(address)
        raise Rejected(Code.UNAUTHORIZED, headers=CHALLENGE)
