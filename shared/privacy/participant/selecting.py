"""The two questions that nearly every store is asked. Pure."""

from __future__ import annotations

from typing import Any

from shared.contracts.privacy import PrivacyOrdered
from shared.stores.mongodb import Document


def those(order: PrivacyOrdered) -> dict[str, Any]:
    """A condition on a pseudonym: one of the person's."""
    return {"$in": list(order.pseudonyms)}


def nobody_held(order: PrivacyOrdered) -> dict[str, Any]:
    """A condition on a pseudonym: of nobody under a legal hold. A row without one meets it too."""
    return {"$nin": list(order.held)}


def of_person(
    order: PrivacyOrdered, account: str = "account_id", pseudonym: str = "pseudonym", *, at: str = ""
) -> Document:
    """Rows of an account about the person of an erasure. With `at`, the field of their time, only those from before
    the order: what comes of the person afterwards is new, and no business of it.
    """
    before = {at: {"$lte": order.ordered_at}} if at else {}
    return {account: order.account_id, pseudonym: those(order), **before}


def older(order: PrivacyOrdered, at: str, account: str = "account_id", pseudonym: str = "pseudonym") -> Document:
    """Rows of an account from before the time of a purge, but of people under a hold."""
    return {account: order.account_id, at: {"$lt": order.before}, pseudonym: nobody_held(order)}
