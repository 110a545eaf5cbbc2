"""`/admin/holds`: what waits for a person, and what the person says."""
# Annotations of the routes name values of the enclosing function, so they are not postponed in this module.

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query

from services.ingest.accounts.audit import AuditEntry
from services.ingest.accounts.staff import Actor, Permission
from services.ingest.admin.cursors import cut, decode, encode
from services.ingest.admin.models import holds as models
from services.ingest.admin.office import Office, not_found
from services.ingest.admin.problems import AdminFieldCode, Invalid
from services.ingest.desk.decisions import ACTIONS
from services.ingest.desk.listing import After, Counts
from services.ingest.desk.rows import Decided, Hold, HoldState, Waiting
from shared.contracts.holds import HoldId
from shared.errors import FieldError

_SAMPLES: Final = 5


def hold_routes(office: Office) -> APIRouter:
    """Routes for holds."""
    router = APIRouter(prefix="/admin/holds", tags=["holds"])
    Reader = Annotated[Actor, Depends(office.actors.needs(Permission.HOLDS_READ))]  # noqa: N806 - a type
    Decider = Annotated[Actor, Depends(office.actors.needs(Permission.HOLDS_DECIDE))]  # noqa: N806

    async def views(holds: Sequence[Hold]) -> list[models.HoldView]:
        counts = await office.holds.counts([hold.hold_id for hold in holds])
        decided = [hold.hold_id for hold in holds if hold.decided is not None]
        entries = await office.listing.done(ACTIONS.values(), decided) if decided else ()
        said = {entry.subject: entry for entry in entries}
        return [_view(hold, counts[hold.hold_id], said.get(hold.hold_id)) for hold in holds]

    async def shown(hold: Hold) -> models.HoldView:
        (view,) = await views([hold])
        return view

    async def decided(
        actor: Actor, hold: str, state: HoldState, reason: str | None, *, remember: bool = False
    ) -> models.HoldView:
        made = await office.decisions.decide(actor, HoldId(hold), state, remember=remember, reason=reason)
        if made is None:
            raise not_found()
        return await shown(made)

    @router.get("", summary="List holds, the oldest first")
    async def listed(_: Reader, page: Annotated[models.HoldPage, Query()]) -> models.Holds:
        found = await office.holds.holds(page.limit + 1, _after(page.cursor), state=page.state, account_id=page.account)
        shown, more = cut(found, page.limit)
        return models.Holds(holds=await views(shown), cursor=_cursor(shown[-1]) if more else None)

    @router.get("/{hold}", summary="Read a hold and some of its messages")
    async def read(_: Reader, hold: str) -> models.HoldWithSamples:
        found = await office.holds.hold(HoldId(hold))
        if found is None:
            raise not_found()
        view = await shown(found)
        samples = await office.holds.samples(found.hold_id, _SAMPLES)
        return models.HoldWithSamples(
            **dict(view),
            samples=[models.SampleView(id=one.message_id, sender=one.sender, text=one.text) for one in samples],
        )

    @router.post("/{hold}/approve", summary="Let the messages of a hold go")
    async def approve(actor: Decider, hold: str, body: models.Approval | None = None) -> models.HoldView:
        said = body or models.Approval()
        return await decided(actor, hold, HoldState.APPROVED, said.reason, remember=said.remember_domains)

    @router.post("/{hold}/reject", summary="Refuse the messages of a hold")
    async def reject(actor: Decider, hold: str, body: models.Rejection | None = None) -> models.HoldView:
        return await decided(actor, hold, HoldState.REJECTED, body.reason if body is not None else None)

    return router


def _view(hold: Hold, counts: Counts, said: AuditEntry | None) -> models.HoldView:
    return models.HoldView(
        id=hold.hold_id,
        account=hold.account_id,
        state=hold.state,
        findings=[models.FindingView(rule=one.rule, evidence=list(one.evidence)) for one in hold.findings],
        opened_at=hold.opened_at,
        messages=models.MessagesView(
            waiting=counts.get(Waiting.WAITING, 0) + counts.get(Waiting.CLAIMED, 0),
            released=counts.get(Waiting.RELEASED, 0),
            rejected=counts.get(Waiting.REJECTED, 0),
            expired=counts.get(Waiting.EXPIRED, 0),
            cancelled=counts.get(Waiting.CANCELLED, 0),
        ),
        decided=None if hold.decided is None else _decided(hold.decided, said),
    )


def _decided(decided: Decided, said: AuditEntry | None) -> models.DecidedView:
    return models.DecidedView(
        by=decided.by,
        name=None if said is None else said.actor.name,
        reason=None if said is None else said.reason,
        at=decided.at,
        approved_domains=list(decided.domains),
    )


def _cursor(last: Hold) -> str:
    return encode(msgspec.json.encode(After(last.opened_at, last.hold_id)).decode())


def _after(cursor: str | None) -> After | None:
    """Where the page begins. Raises `Invalid` for a cursor that no list gave out."""
    text = decode(cursor)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=After)
    except msgspec.DecodeError:
        raise Invalid(
            [FieldError("", AdminFieldCode.INVALID_CURSOR, "query parameter cursor: is none that a list gave")]
        ) from None
