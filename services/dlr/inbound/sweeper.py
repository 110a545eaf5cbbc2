"""Hands on what has come of long messages when nothing more came in time."""

from __future__ import annotations

from typing import Final

from services.dlr.inbound.inbound import Inbound
from services.dlr.inbound.long_messages import LongMessages
from shared.errors import BudstikkeError
from shared.looking import Looking
from shared.telemetry.logs import get_log

_log = get_log()

_MOST: Final = 100
_SHARE: Final = 0.1


class Sweeper(Looking):
    """Looks ten times while a part may wait, for the first time after the whole of it: what came meanwhile, while no
    process of the role ran, is read before that.

    Several sweep at once without harm: who looks after a joining first has it for as long as a part may wait.
    """

    def __init__(self, inbound: Inbound, long_messages: LongMessages) -> None:
        patience = long_messages.patience.total_seconds()
        super().__init__(
            "long messages", self.sweep, every=patience * _SHARE, first=patience, waits="inbound_sweep_waits"
        )
        self._inbound = inbound
        self._long = long_messages

    async def sweep(self) -> None:
        """Hand on what is overdue. One that fails is looked at again, later, and holds up no other."""
        while joinings := await self._long.overdue(_MOST):
            handed = 0
            for joining in joinings:
                try:
                    await self._inbound.give_up(joining)
                    handed += 1
                except BudstikkeError as error:
                    _log.warning("inbound_parts_wait", code=error.code, joining=joining.id)
            if handed == 0 or len(joinings) < _MOST:
                return
