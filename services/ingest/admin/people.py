"""`/admin/staff` and `/admin/audit`: who we are, and what was done."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.ingest.accounts.keys import KeyId, KeyKind, make
from services.ingest.accounts.staff import Actor, Permission, StaffKey
from services.ingest.admin import models, showing
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.office import Office, not_found


def staff_routes(office: Office) -> APIRouter:
    """Routes for personal keys."""
    router = APIRouter(prefix="/admin/staff", tags=["staff"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.STAFF_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.STAFF_CHANGE))]  # noqa: N806

    @router.post("", status_code=201, summary="Make a personal key, shown this once")
    async def create(actor: Changer, body: models.NewStaff) -> models.NewStaffView:
        new = make(office.random, KeyKind.STAFF)
        key = StaffKey(new.key_id, body.name, body.role, new.digest, office.clock.now())
        await office.book.add_staff(actor, key)
        return showing.new_staff(key, new.text)

    @router.get("", summary="List personal keys, revoked ones too")
    async def listed(_: Reader, page: Annotated[models.Page, Query()]) -> models.Staff:
        found = await office.listing.staff(page.limit + 1, decode(page.cursor))
        shown, more = cut(found, page.limit)
        return models.Staff(
            staff=[showing.staff(one) for one in shown], cursor=encode(shown[-1].key_id) if more else None
        )

    @router.delete("/{key}", status_code=204, summary="Revoke a personal key")
    async def revoke(actor: Changer, key: str) -> None:
        if await office.book.revoke_staff(actor, KeyId(key)) is None:
            raise not_found()

    return router


def audit_routes(office: Office) -> APIRouter:
    """The audit record, to read."""
    router = APIRouter(prefix="/admin/audit", tags=["audit"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.AUDIT_READ))]  # noqa: N806 - a type

    @router.get("", summary="What was changed, by whom; newest first")
    async def listed(_: Reader, page: Annotated[models.AuditPage, Query()]) -> models.Audit:
        given = {"account_id": page.account, "organisation_id": page.organisation, "actor.key_id": page.actor}
        narrowed = {name: value for name, value in given.items() if value is not None}
        found = await office.listing.audit(page.limit + 1, decode(page.cursor), narrowed)
        shown, more = cut(found, page.limit)
        return models.Audit(
            entries=[showing.entry(one) for one in shown], cursor=encode(shown[-1].entry_id) if more else None
        )

    return router
