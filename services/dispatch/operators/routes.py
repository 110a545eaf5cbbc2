"""Which operator takes a number: the longest prefix wins, among equals the first in the file; but one that can be
reached goes before one that cannot, and one that was not tried before one that was, the last one tried after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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

    def choose(self, number: str, up: Collection[str] = (), tried: Sequence[str] = ()) -> Route | None:
        """The best route for an E.164 number, or None if none leads there. `up` are the operators within reach, `tried`
        those that it came back from, in this order.
        """
        best, least = None, (True, len(tried) + 1)
        for route in self._of(number):
            operator = route.operator
            cost = (operator not in up, tried.index(operator) + 1 if operator in tried else 0)
            if cost == (False, 0):
                return route
            if cost < least:
                best, least = route, cost
        return best

    def route_to(self, number: str, operator: str) -> Route | None:
        """The best route that leads to this operator."""
        return next((route for route in self._of(number) if route.operator == operator), None)

    def leads_elsewhere(self, number: str, up: Collection[str], tried: Collection[str]) -> bool:
        """Whether an operator within reach that was not tried takes this number."""
        return any(route.operator in up and route.operator not in tried for route in self._of(number))

    def _of(self, number: str) -> Iterator[Route]:
        for length in self._lengths:
            yield from self._by_prefix.get(number[:length], ())
