"""`/admin/accounts/{account}/client` and `/admin/clients`: accounts whose own systems come in over Kafka."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from services.ingest.accounts.account import Account
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin import models, showing
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.office import Office, not_found


def client_routes(office: Office) -> APIRouter:
    """Routes for client systems."""
    router = APIRouter(prefix="/admin", tags=["clients"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.CLIENTS_CHANGE))]  # noqa: N806

    async def find(actor: Actor, account: str) -> Account:
        found = await office.account(actor, account)
        if found.access.kafka is None:
            raise not_found()
        return found

    @router.post(
        "/accounts/{account}/client",
        status_code=201,
        summary="Let an account's own systems in over Kafka; the password is shown this once",
        responses={200: {"model": models.NewClientView, "description": "They are in; the password stays as it is."}},
    )
    async def create(actor: Changer, account: str, response: Response) -> models.NewClientView:
        found, password = await office.clients.let_in(actor, await office.account(actor, account))
        if password is None:
            response.status_code = 200
        return showing.new_client(found, office.clients.listener, password)

    @router.post(
        "/accounts/{account}/client/rotate",
        status_code=201,
        summary="Replace the password of an account's systems; the new one is shown this once",
    )
    async def rotate(actor: Changer, account: str) -> models.NewClientView:
        changed, password = await office.clients.let_in(actor, await find(actor, account), anew=True)
        return showing.new_client(changed, office.clients.listener, password)

    @router.get("/accounts/{account}/client", summary="Read how an account's systems come in")
    async def read(actor: Reader, account: str) -> models.ClientView:
        return showing.client(await find(actor, account), office.clients.listener)

    @router.delete(
        "/accounts/{account}/client", status_code=204, summary="Shut an account's systems out; their topics stay"
    )
    async def revoke(actor: Changer, account: str) -> None:
        await office.clients.shut_out(actor, await office.account(actor, account))

    @router.get("/clients", summary="List the accounts whose systems come in")
    async def listed(actor: Reader, page: Annotated[models.Page, Query()]) -> models.Clients:
        found = await office.listing.on_kafka(page.limit + 1, decode(page.cursor), actor.organisation_id)
        shown, more = cut(found, page.limit)
        return models.Clients(
            clients=[showing.client(one, office.clients.listener) for one in shown],
            cursor=encode(shown[-1].account_id) if more else None,
        )

    return router
