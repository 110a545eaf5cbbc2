"""The role's work as a component: looks for months that are to be closed, and write-offs that are to be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from shared.looking import Looking

_LONGEST: Final = 2.0


class Invoicing(Looking):
    """Looks every `seconds` while there is something, and every 2 while there is nothing. Several processes may, for
    every step may be taken by any.
    """

    def __init__(self, *steps: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Each of `steps` is taken until it says that nothing is left."""
        super().__init__("invoicing", self._work, every=seconds, longest=_LONGEST, waits="invoicing_waits")
        self._steps = steps

    async def _work(self) -> int:
        taken = 0
        for step in self._steps:
            while await step():
                taken += 1
        return taken
