"""`/admin/accounts/{account}/access` and `/password`: ways in beside the keys."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends

from services.ingest.accounts import changes
from services.ingest.accounts.account import Account
from services.ingest.accounts.addresses import BadAddress, IpRange, make_range
from services.ingest.accounts.passwords import hash_password, new_password
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin import models, showing
from services.ingest.admin.office import Office, not_found
from services.ingest.admin.problems import AdminFieldCode, Invalid
from shared.errors import FieldError


def access_routes(office: Office) -> APIRouter:
    """Routes for addresses and passwords."""
    router = APIRouter(prefix="/admin/accounts/{account}", tags=["access"])
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.ACCESS_CHANGE))]  # noqa: N806 - a type

    async def change(actor: Actor, account: str, action: str, **access: object) -> Account:
        found = await office.account(actor, account)

        def decide(before: Account) -> Account:
            changes.require_open(before)
            return msgspec.structs.replace(before, access=msgspec.structs.replace(before.access, **access))

        changed = await office.book.change_account(actor, found.account_id, action, decide)
        if changed is None:
            raise not_found()
        return changed

    @router.put("/access", summary="Set the addresses that an account may come from")
    async def addresses(actor: Changer, account: str, body: models.AccessBody) -> models.AccountView:
        ranges = _ranges(body)
        if body.address_suffices and not ranges:
            raise Invalid([FieldError("/address_suffices", AdminFieldCode.NO_RANGE, "needs at least one range")])
        changed = await change(actor, account, "access.change", ranges=ranges, address_suffices=body.address_suffices)
        return showing.account(changed)

    @router.post("/password", status_code=201, summary="Give an account a new password, shown this once")
    async def password(actor: Changer, account: str) -> models.PasswordView:
        fresh = new_password(office.random)
        hashed = await asyncio.to_thread(hash_password, fresh, office.random)
        changed = await change(actor, account, "password.change", password=hashed)
        return models.PasswordView(user=changed.account_id, password=fresh)

    @router.delete("/password", status_code=204, summary="Take an account's password away")
    async def no_password(actor: Changer, account: str) -> None:
        await change(actor, account, "password.remove", password=None)

    return router


def _ranges(body: models.AccessBody) -> tuple[IpRange, ...]:
    ranges: list[IpRange] = []
    errors: list[FieldError] = []
    for index, given in enumerate(body.ip_ranges):
        try:
            ranges.append(make_range(given.first, given.last))
        except BadAddress as bad:
            errors.append(FieldError(f"/ip_ranges/{index}/{bad.field}", bad.code, bad.detail))
    if errors:
        raise Invalid(errors)
    return tuple(ranges)
