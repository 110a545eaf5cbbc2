"""An account's traffic in one tumbling window, with the last offset beside the value: counted once, over crashes too.

Pure. A count belongs to the window that its `until` lies in. A row holds the newest window alone: what comes late, for
an older one, is added to the newest, for the counts are advisory and late by a second or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from shared.contracts.abuse import Signal, SignalChanged, TrafficCounted
from shared.ids import AccountId


class Thresholds(msgspec.Struct, frozen=True):
    """From where on traffic is unusual: requests of a window; per cent of them refused, of so many at least."""

    window: timedelta
    volume: int
    failures: int
    least: int


class Window(msgspec.Struct, frozen=True):
    """What is known of an account: the newest window, the last count that is in it, and which signals are on."""

    account_id: AccountId
    partition: int
    offset: int
    start: datetime
    requested: int = 0
    refused: int = 0
    on: tuple[Signal, ...] = ()


def start_of(at: datetime, window: timedelta) -> datetime:
    """When the window began that a time lies in."""
    seconds = int(window.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def add(before: Window | None, counted: TrafficCounted, partition: int, offset: int, thresholds: Thresholds) -> Window:
    """The window after one count; a count that it holds already changes nothing.

    Offsets are compared within one partition alone: after a change of their number the account's counts come from
    another.
    """
    start = start_of(counted.until, thresholds.window)
    if before is None:
        before = Window(counted.account_id, partition, -1, start)
    elif before.partition == partition and offset <= before.offset:
        return before
    elif start > before.start:
        # What is on stays so for one more window after the last that was unusual.
        next_to_it = start - before.start == thresholds.window
        before = Window(
            before.account_id, partition, offset, start, on=unusual(before, thresholds) if next_to_it else ()
        )
    requested = counted.passed + counted.refused + counted.held + counted.delayed
    after = msgspec.structs.replace(
        before,
        partition=partition,
        offset=offset,
        requested=before.requested + requested,
        refused=before.refused + counted.refused,
    )
    return msgspec.structs.replace(after, on=tuple(sorted({*after.on, *unusual(after, thresholds)})))


def unusual(window: Window, thresholds: Thresholds) -> tuple[Signal, ...]:
    """What this window says by itself."""
    found = []
    if _share(window) >= thresholds.failures and window.requested >= thresholds.least:
        found.append(Signal.FAILURES)
    if window.requested > thresholds.volume:
        found.append(Signal.VOLUME)
    return tuple(found)


def over(window: Window, now: datetime, thresholds: Thresholds) -> Window:
    """The window with the signals that are still on: one ends with the first window that does not say it again, which
    may be one without any traffic.
    """
    age = now - window.start
    if age < thresholds.window:
        return window
    still = unusual(window, thresholds) if age < 2 * thresholds.window else ()
    return msgspec.structs.replace(window, on=tuple([signal for signal in window.on if signal in still]))


def told(before: Window | None, after: Window, at: datetime, thresholds: Thresholds) -> Sequence[SignalChanged]:
    """What is to be told: signals that the window says, each time that it says them, and those that went off."""
    was = before.on if before is not None else ()
    said = {signal: True for signal in unusual(after, thresholds) if signal in after.on}
    said |= {signal: False for signal in was if signal not in after.on}
    return [_changed(after, signal, on, at, thresholds) for signal, on in sorted(said.items())]


def _changed(window: Window, signal: Signal, on: bool, at: datetime, thresholds: Thresholds) -> SignalChanged:
    volume = signal is Signal.VOLUME
    return SignalChanged(
        account_id=window.account_id,
        signal=signal,
        on=on,
        window_start=window.start,
        value=window.requested if volume else _share(window),
        threshold=thresholds.volume if volume else thresholds.failures,
        at=at,
    )


def _share(window: Window) -> int:
    """Per cent of the requests that were refused."""
    return window.refused * 100 // window.requested if window.requested else 0
