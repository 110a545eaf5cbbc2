"""The stores of dlr with personal data, and how each forgets.

A message that was asked for in the last days is freed of the person and not deleted: facts and receipts that are still
on their way find it, so that its charge is told, and bring nobody back. It is deleted when nothing can come any more.

An opt-out survives its person's erasure as a pseudonym, without the number: else the next send-out would reach who
asked for silence and then to be forgotten. It ends when it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.clock import Clock
from shared.contracts.privacy import PrivacyOrdered
from shared.ids import GATEWAY
from shared.privacy.participant import Matching, Store
from shared.privacy.participant.participant import LATE
from shared.privacy.participant.selecting import nobody_held, of_person, older, those
from shared.privacy.sealing import TAKEN_OUT
from shared.stores.mongodb import Database, Document

_DELIVERIES = {"webhook_deliveries": "message_id"}


def stores(clock: Clock) -> Callable[[Database], Sequence[Store]]:
    """The stores in a database, in the order in which they forget."""

    def late_no_more(order: PrivacyOrdered) -> Document:
        return {"request.erased": order.order_id, "request.requested_at": {"$lt": clock.now() - LATE}}

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
            # Webhooks of what was told before may have been parked behind the erasure.
            Matching(database, "messages", name="messages.freed", person=late_no_more, with_rows=_DELIVERIES),
            Matching(database, "messages", name="messages.stubs", aged=_stubs),
            Matching(
                database,
                "inbound_messages",
                person=lambda order: of_person(order, at="received_at"),
                aged=_received_before,
                with_rows=_DELIVERIES,
            ),
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


def _stubs(order: PrivacyOrdered) -> Document:
    """What came early for messages of which nobody ever asked."""
    return {
        "account_id": order.account_id,
        "request.requested_at": None,
        "request": {"$exists": False},
        "waiting.0.at": {"$lt": order.before},
    }


def _received_before(order: PrivacyOrdered) -> Document:
    """The gateway's own are those that belong to nobody."""
    account = None if order.account_id == GATEWAY else order.account_id
    return {"account_id": account, "received_at": {"$lt": order.before}, "pseudonym": nobody_held(order)}
