"""What ends without a PDU while it waits."""

from __future__ import annotations

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.on_record import OnRecord
from services.dispatch.sender.settling import Settler
from services.dispatch.sender.waiting import Waiting
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.words import FactKind


class Ending:
    """Ends what is overdue, erased or not wanted any more, unless the ledger knows that it was begun earlier."""

    def __init__(self, leases: HeldLeases, settler: Settler, record: OnRecord, clock: Clock) -> None:
        self._leases = leases
        self._settler = settler
        self._record = record
        self._clock = clock

    async def end_unsent(self, waiting: Waiting) -> bool:
        """Take out of what waits what has to end; go on with what was begun from where the ledger has it. False when
        something that should end cannot do so yet.
        """
        now, at = self._clock.now(), self._record.next_time()
        ending: dict[Attempt, tuple[FactKind, Reason]] = {}
        whole = True
        for attempt in waiting:
            end = attempt.ending(now)
            if end is None:
                continue
            epoch = self._leases.epoch_of(attempt.parcel.lease_id)
            if epoch is None or self._settler.is_open(attempt):
                whole = False
            else:
                attempt.intend(epoch, self._record.link_name, at)
                ending[attempt] = end
        if not ending:
            return whole
        begun = await self._record.known(list(ending))
        waiting.drop(ending.keys())
        for attempt, (kind, code) in ending.items():
            if attempt.key in begun:
                waiting.put_back(self._record.take_up(attempt, begun[attempt.key]))
            else:
                self._settler.end(attempt, kind, code)
        return whole
