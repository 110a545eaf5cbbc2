"""`/admin/organisations`."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.ingest.accounts.account import Organisation, OrganisationId
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin import models, showing
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.office import Office, not_found


def organisation_routes(office: Office) -> APIRouter:
    """Routes for organisations."""
    router = APIRouter(prefix="/admin/organisations", tags=["organisations"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_CHANGE))]  # noqa: N806

    async def find(actor: Actor, wanted: str) -> Organisation:
        organisation = await office.listing.organisation(OrganisationId(wanted))
        if organisation is None or actor.organisation_id not in (None, organisation.organisation_id):
            raise not_found()
        return organisation

    @router.post("", status_code=201, summary="Create an organisation")
    async def create(actor: Changer, body: models.NewOrganisation) -> models.OrganisationView:
        organisation = Organisation(OrganisationId(body.id), body.name, office.clock.now())
        await office.book.add_organisation(actor, organisation)
        return showing.organisation(organisation)

    @router.get("", summary="List organisations")
    async def listed(actor: Reader, page: Annotated[models.Page, Query()]) -> models.Organisations:
        found = await office.listing.organisations(page.limit + 1, decode(page.cursor), actor.organisation_id)
        shown, more = cut(found, page.limit)
        return models.Organisations(
            organisations=[showing.organisation(one) for one in shown],
            cursor=encode(shown[-1].organisation_id) if more else None,
        )

    @router.get("/{organisation}", summary="Read an organisation")
    async def read(actor: Reader, organisation: str) -> models.OrganisationView:
        return showing.organisation(await find(actor, organisation))

    @router.patch("/{organisation}", summary="Rename an organisation")
    async def change(actor: Changer, organisation: str, body: models.OrganisationChange) -> models.OrganisationView:
        found = await find(actor, organisation)
        return showing.organisation(await office.book.rename_organisation(actor, found, body.name))

    return router
