"""Whether an account may send what it asks to send now (R-90). Pure."""

from __future__ import annotations

from enum import StrEnum

from services.ingest.accounts.account import Account
from shared.contracts.words import AccountState, Lane


class Stopped(StrEnum):
    """Why it may not; the public code."""

    ACCOUNT = "account_suspended"
    LANE = "lane_suspended"
    SENDER = "sender_suspended"
    PREMIUM = "premium_suspended"


def stopped(account: Account, lane: Lane | None, sender: str, *, premium: bool = False) -> Stopped | None:
    """The first thing that stands in the way, or None; a charge has no lane. Senders compare without regard to case."""
    if account.state is not AccountState.ACTIVE:
        return Stopped.ACCOUNT
    stops = account.stops
    if lane in stops.lanes:
        return Stopped.LANE
    if stops.senders and sender.casefold() in {stop.casefold() for stop in stops.senders}:
        return Stopped.SENDER
    if premium and stops.premium:
        return Stopped.PREMIUM
    return None
