"""`/admin/accounts/{account}/keys`: made, rotated with overlap, revoked."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query

from services.ingest.accounts.account import Key
from services.ingest.accounts.keys import KeyId, KeyKind, Scope, make
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin import models, showing
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.office import Office, not_found
from shared.ids import AccountId


def key_routes(office: Office) -> APIRouter:
    """Routes for an account's keys."""
    router = APIRouter(prefix="/admin/accounts/{account}/keys", tags=["keys"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.KEYS_READ))]  # noqa: N806 - a type
    Changer = Annotated[Actor, Depends(office.actors.needs(Permission.KEYS_CHANGE))]  # noqa: N806

    def fresh(account_id: AccountId, name: str, scopes: frozenset[Scope]) -> tuple[Key, str]:
        new = make(office.random, KeyKind.TEST if Scope.TEST in scopes else KeyKind.ACCOUNT)
        return Key(new.key_id, account_id, new.digest, scopes, office.clock.now(), name=name), new.text

    async def find(actor: Actor, account: str, key: str) -> Key:
        owner = await office.account(actor, account)
        found = await office.listing.key(owner.account_id, KeyId(key))
        if found is None:
            raise not_found()
        return found

    @router.post("", status_code=201, summary="Make a key, shown this once")
    async def create(actor: Changer, account: str, body: models.NewKeyBody) -> models.NewKeyView:
        owner = await office.account(actor, account)
        key, text = fresh(owner.account_id, body.name, frozenset(body.scopes))
        await office.book.add_key(actor, key)
        return showing.new_key(key, text)

    @router.get("", summary="List an account's keys, revoked ones too")
    async def listed(actor: Reader, account: str, page: Annotated[models.Page, Query()]) -> models.Keys:
        owner = await office.account(actor, account)
        found = await office.listing.keys(owner.account_id, page.limit + 1, decode(page.cursor))
        shown, more = cut(found, page.limit)
        return models.Keys(keys=[showing.key(one) for one in shown], cursor=encode(shown[-1].key_id) if more else None)

    @router.post("/{key}/rotate", status_code=201, summary="Make a new key in place of one that stays good for a while")
    async def rotate(actor: Changer, account: str, key: str, body: models.Rotation | None = None) -> models.NewKeyView:
        old = await find(actor, account, key)
        now = office.clock.now()
        overlap = (body or models.Rotation()).overlap_seconds
        ending = (
            msgspec.structs.replace(old, expires_at=now + timedelta(seconds=overlap))
            if overlap
            else msgspec.structs.replace(old, revoked_at=now)
        )
        new, text = fresh(old.account_id, old.name, old.scopes)
        await office.book.replace_key(actor, ending, new)
        return showing.new_key(new, text)

    @router.delete("/{key}", status_code=204, summary="Revoke a key")
    async def revoke(actor: Changer, account: str, key: str) -> None:
        await office.book.revoke_key(actor, await find(actor, account, key))

    return router
