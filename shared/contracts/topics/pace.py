"""How long stages on the path of a message wait for company."""

from __future__ import annotations

from shared.contracts.words import Lane

LINGER: dict[Lane, float] = {Lane.EXPRESS: 0.0, Lane.STANDARD: 0.016, Lane.BULK: 0.032}
"""Seconds without news after which a stage begins a transaction, per lane; it waits 2.5 times as long at most."""
