"""`/admin/accounts`: create, change, suspend, resume, close."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from collections.abc import Callable, Collection
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query

from services.ingest.accounts import changes
from services.ingest.accounts.account import Account, Limits, OrganisationId, Sending
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin import models, showing
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.office import Office, not_found
from services.ingest.admin.problems import AdminFieldCode, Invalid
from shared.errors import FieldError
from shared.ids import AccountId


def account_routes(office: Office) -> APIRouter:
    """Routes for accounts."""
    router = APIRouter(prefix="/admin/accounts", tags=["accounts"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_CHANGE))]  # noqa: N806
    Suspender = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_SUSPEND))]  # noqa: N806
    Closer = Annotated[Actor, Depends(office.actors.needs(Permission.ACCOUNTS_CLOSE))]  # noqa: N806

    async def act(
        actor: Actor, account: str, action: str, decide: Callable[[Account], Account], reason: str | None = None
    ) -> models.AccountView:
        changed = await office.book.change_account(actor, AccountId(account), action, decide, reason)
        if changed is None:
            raise not_found()
        return showing.account(changed)

    @router.post("", status_code=201, summary="Create an account")
    async def create(actor: Changer, body: models.NewAccount) -> models.AccountView:
        if await office.listing.organisation(OrganisationId(body.organisation)) is None:
            raise Invalid(
                [FieldError("/organisation", AdminFieldCode.UNKNOWN_ORGANISATION, "there is no such organisation")]
            )
        account = Account(
            AccountId(body.id),
            body.name,
            default_sender=body.default_sender,
            organisation_id=OrganisationId(body.organisation),
            limits=Limits(**body.limits.model_dump()),
            sending=_sending(Sending(), body, body.model_fields_set),
        )
        return showing.account(await office.book.add_account(actor, account))

    @router.get("", summary="List accounts")
    async def listed(actor: Reader, page: Annotated[models.Page, Query()]) -> models.Accounts:
        found = await office.listing.accounts(page.limit + 1, decode(page.cursor), actor.organisation_id)
        shown, more = cut(found, page.limit)
        return models.Accounts(
            accounts=[showing.account(one) for one in shown], cursor=encode(shown[-1].account_id) if more else None
        )

    @router.get("/{account}", summary="Read an account")
    async def read(actor: Reader, account: str) -> models.AccountView:
        return showing.account(await office.account(actor, account))

    @router.patch("/{account}", summary="Change name, senders, domains, quiet hours or limits")
    async def change(actor: Changer, account: str, body: models.AccountChange) -> models.AccountView:
        return await act(actor, account, "account.change", lambda before: _changed(before, body))

    @router.post("/{account}/suspend", summary="Suspend an account, or lanes, senders or premium of it")
    async def suspend(actor: Suspender, account: str, body: models.What | None = None) -> models.AccountView:
        what, reason = _what(body)
        return await act(actor, account, "account.suspend", lambda before: changes.suspend(before, what), reason)

    @router.post("/{account}/resume", summary="Let an account, or parts of it, send again")
    async def resume(actor: Suspender, account: str, body: models.What | None = None) -> models.AccountView:
        what, reason = _what(body)
        return await act(actor, account, "account.resume", lambda before: changes.resume(before, what), reason)

    @router.post("/{account}/close", summary="Close an account, for ever")
    async def close(actor: Closer, account: str, body: models.Closing | None = None) -> models.AccountView:
        reason = body.reason if body is not None else None
        await office.clients.shut_out(actor, await office.account(actor, account), reason)
        return await act(actor, account, "account.close", changes.close, reason)

    return router


def _changed(account: Account, body: models.AccountChange) -> Account:
    changes.require_open(account)
    given = body.model_fields_set
    limits = {name: getattr(body.limits, name) for name in body.limits.model_fields_set}
    return msgspec.structs.replace(
        account,
        name=body.name if "name" in given else account.name,
        default_sender=body.default_sender if "default_sender" in given else account.default_sender,
        limits=msgspec.structs.replace(account.limits, **limits),
        sending=_sending(account.sending, body, given),
    )


def _sending(before: Sending, body: models.NewAccount | models.AccountChange, given: Collection[str]) -> Sending:
    """What the body says of it, sorted and without repeats; what is not given stays as it is."""
    return Sending(
        senders=tuple(sorted(set(body.senders))) if "senders" in given else before.senders,
        domains=tuple(sorted(set(body.domains))) if "domains" in given else before.domains,
        quiet_from=body.quiet_hours.first if "quiet_hours" in given else before.quiet_from,
        quiet_to=body.quiet_hours.last if "quiet_hours" in given else before.quiet_to,
    )


def _what(body: models.What | None) -> tuple[changes.What, str | None]:
    if body is None:
        return changes.What(), None
    return changes.What(body.lanes, body.senders, body.premium), body.reason
