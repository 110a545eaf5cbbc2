"""Which operator takes a number: the longest prefix wins; among equals the first in the file that was not tried."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from services.dispatch.operators.config import Route
from shared.contracts.topics import TEST_OPERATOR

TEST: Final = Route(prefix="+", operator=TEST_OPERATOR, id=TEST_OPERATOR)
"""The route of every test message."""


class RouteTable:
    """Routes by prefix, looked up from the longest on."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_prefix: dict[str, list[Route]] = {}
        for route in routes:
            self._by_prefix.setdefault(route.prefix, []).append(route)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def choose(self, number: str, tried: Collection[str] = ()) -> Route | None:
        """The best route for an E.164 number whose operator is not among `tried`, or None."""
        for length in self._lengths:
            for route in self._by_prefix.get(number[:length], ()):
                if route.operator not in tried:
                    return route
        return None
