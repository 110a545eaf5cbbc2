"""What is counted of an account's traffic, and what is made of the counts (v1). Advisory: a lost count costs nothing.

`TrafficCounted` goes to `sms.counts`, `SignalChanged` to `abuse.signals`, both keyed by the account (the signal behind
it); the last record of a key is all one needs to read of the second.
"""

from __future__ import annotations

from enum import StrEnum

from shared.contracts.events import Account, Event, Utc


class Signal(StrEnum):
    """What may be unusual about an account's traffic of a window."""

    VOLUME = "volume"
    """More requests than the threshold."""
    FAILURES = "failures"
    """A larger share of them was refused by a rule than the threshold."""


class TrafficCounted(Event, frozen=True, kw_only=True):
    """What screening decided for an account since it last said so, which ended at `until`: requests, each once.

    What was valid no more is none of them.
    """

    account_id: Account
    until: Utc
    passed: int = 0
    refused: int = 0
    held: int = 0
    delayed: int = 0


class SignalChanged(Event, frozen=True, kw_only=True):
    """A signal went on or off. `value` is what was seen (requests, or per cent), `threshold` where it begins."""

    account_id: Account
    signal: Signal
    on: bool
    window_start: Utc
    value: int
    threshold: int
    at: Utc
