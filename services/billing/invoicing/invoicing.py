"""The role's work as a component: looks for months that are to be closed, and write-offs that are to be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.looking import Looking


class Invoicing(Looking):
    """Looks every `seconds`; several processes may, for every step may be taken by any."""

    def __init__(self, *steps: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Each of `steps` is taken until it says that nothing is left."""
        super().__init__("invoicing", self._work, every=seconds, longest=2 * seconds, waits="invoicing_waits")
        self._steps = steps

    async def _work(self) -> int:
        taken = 0
        for step in self._steps:
            while await step():
                taken += 1
        return taken
