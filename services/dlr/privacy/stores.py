"""The stores of dlr with personal data, and how each forgets.

A message is freed of the person and not deleted while something of it may be on its way: facts and receipts find it, so
that its charge is told, and an incoming message that comes again is known. Nobody is brought back. It is deleted when
nothing can come any more. What is parked for webhooks goes at once, and what is parked behind the erasure at the next
look.

The gateway's own incoming messages are those that belong to nobody: unknown numbers and words. Staff erases a person
from them as of an account.

An opt-out survives its person's erasure as a pseudonym, without the number: else the next send-out would reach who
asked for silence and then to be forgotten. It ends when it is taken back; its number with the account at the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pymongo.asynchronous.client_session import AsyncClientSession

from services.dlr.webhooks.delivery.store import KEPT
from shared.clock import Clock
from shared.contracts.privacy import Basis, OrderKind, PrivacyOrdered
from shared.ids import GATEWAY, AccountId
from shared.privacy.participant import Batch, Matching, Store
from shared.privacy.participant.participant import LATE
from shared.privacy.participant.selecting import nobody_held, of_person, older, those
from shared.privacy.sealing import TAKEN_OUT
from shared.stores.mongodb import Database, Document

_DELIVERIES = {"webhook_deliveries": "message_id"}


def stores(clock: Clock) -> Callable[[Database], Sequence[Store]]:
    """The stores in a database, in the order in which they forget."""

    def late_no_more(order: PrivacyOrdered) -> Document:
        return {"request.erased": order.order_id, "request.requested_at": {"$lt": clock.now() - LATE}}

    def comes_no_more(order: PrivacyOrdered) -> Document:
        return {"erased": order.order_id, "received_at": {"$lt": clock.now() - LATE}}

    def dead_long_ago(order: PrivacyOrdered) -> Document | None:
        """All stay while anybody of the account is under a hold: a delivery does not say whom it is about."""
        if order.before is None or order.held:
            return None
        before = max(order.before, clock.now() - KEPT)
        return {"account_id": order.account_id, "dead_at": {"$lt": before}}

    def all_of(database: Database) -> Sequence[Store]:
        return (
            Matching(
                database,
                "messages",
                person=lambda order: of_person(order, pseudonym="request.pseudonym", at="request.requested_at"),
                strip=_freed,
                aged=lambda order: older(order, "request.requested_at", pseudonym="request.pseudonym"),
                with_rows=_DELIVERIES,
            ),
            Matching(database, "messages", name="messages.freed", person=late_no_more),
            Matching(database, "messages", name="messages.stubs", aged=_stubs),
            Matching(
                database,
                "inbound_messages",
                person=lambda order: {**of_person(order, at="received_at"), "account_id": _whose(order)},
                strip=_unknown,
                aged=_received_before,
                with_rows=_DELIVERIES,
            ),
            ParkedBehind(database),
            Matching(database, "inbound_messages", name="inbound_messages.freed", person=comes_no_more),
            Matching(database, "webhook_deliveries", name="webhook_deliveries.dead", aged=dead_long_ago),
            Matching(
                database,
                "inbound_messages",
                name="inbound_messages.opt_outs",
                person=lambda order: {"opt_outs.pseudonym": those(order), "received_at": {"$lte": order.ordered_at}},
                strip=lambda order: {"$pull": {"opt_outs": {"pseudonym": those(order)}}},
            ),
            Matching(
                database,
                "opt_outs",
                person=lambda order: {**of_person(order, at="at"), "number": {"$ne": TAKEN_OUT}},
                strip=lambda _: {"$set": {"number": TAKEN_OUT}},
                aged=_of_ended_account,
                strip_aged=lambda _: {"$set": {"number": TAKEN_OUT}},
                stays=of_person,
            ),
        )

    return all_of


def _freed(order: PrivacyOrdered) -> Document:
    """The version grows, so that whoever has the message in memory reads it again."""
    return {
        "$set": {"request.to": TAKEN_OUT, "request.content": TAKEN_OUT, "request.erased": order.order_id},
        "$unset": {"request.pseudonym": "", "request.reference": "", "request.callback_url": ""},
        "$inc": {"version": 1},
    }


def _unknown(order: PrivacyOrdered) -> Document:
    """Whatever was not told is not told any more."""
    return {
        "$set": {
            "from_": TAKEN_OUT,
            "content": TAKEN_OUT,
            "pseudonym": "",
            "erased": order.order_id,
            "told_at": order.ordered_at,
        },
        "$unset": {"reply": ""},
    }


class ParkedBehind:
    """Webhooks of what was told before, which were parked since the person was taken out of their messages."""

    def __init__(self, database: Database) -> None:
        self.name = "webhook_deliveries"
        self._freed = {"messages": "request.erased", "inbound_messages": "erased"}
        self._database = database

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        """As the protocol has it. All at once: they are few."""
        deleted = 0
        for name, field in self._freed.items() if order.kind is OrderKind.ERASE else ():
            freed = self._database[name].find({field: order.order_id}, {"_id": 1}, session=session, batch_size=limit)
            ids = [row["_id"] async for row in freed]
            if ids:
                gone = await self._database.webhook_deliveries.delete_many(
                    {"message_id": {"$in": ids}}, session=session
                )
                deleted += gone.deleted_count
        return Batch(deleted)


def _stubs(order: PrivacyOrdered) -> Document:
    """What came early for messages of which nobody ever asked."""
    return {
        "account_id": order.account_id,
        "request.requested_at": None,
        "request": {"$exists": False},
        "waiting.0.at": {"$lt": order.before},
    }


def _received_before(order: PrivacyOrdered) -> Document:
    return {"account_id": _whose(order), "received_at": {"$lt": order.before}, "pseudonym": nobody_held(order)}


def _of_ended_account(order: PrivacyOrdered) -> Document | None:
    """Opt-outs are of no age, but end with the account."""
    if order.basis is not Basis.END_OF_RELATION:
        return None
    return {"account_id": order.account_id, "number": {"$ne": TAKEN_OUT}, "pseudonym": nobody_held(order)}


def _whose(order: PrivacyOrdered) -> AccountId | None:
    """As an incoming message says whose it is."""
    return None if order.account_id == GATEWAY else order.account_id
