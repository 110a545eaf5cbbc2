"""One lane of one operator: from records to attempts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from services.dispatch.sender.parts import LongMessages, erased, plan
from services.dispatch.sender.submitting import Submitter
from services.dispatch.sender.work import Attempt, Finish, Parcel
from shared.contracts.codec import only
from shared.contracts.events import DispatchOrdered
from shared.contracts.words import Door
from shared.kafka.record import Received
from shared.privacy.opt_outs import OptOuts
from shared.privacy.sealing import Erased, Sealer

read_order = partial(only, DispatchOrdered)

Elsewhere: TypeAlias = Callable[[DispatchOrdered, str], bool]
"""Whether another operator within reach, which was not tried lately, would take an order to this number."""


class LaneSender:
    """Handler of the topic `sms.dispatch.<operator>.<lane>`.

    Returns when every part of the batch has its intent on record: U is the back-pressure. A batch is planned whole
    before anything of it has an effect, so a record that cannot be planned harms no other.

    Whether the recipient has opted out is asked once more until the message is submitted; not of an answer to
    somebody, who has just asked for it.
    """

    def __init__(
        self,
        submitter: Submitter,
        sealer: Sealer,
        opt_outs: OptOuts,
        elsewhere: Elsewhere,
        long_messages: LongMessages,
    ) -> None:
        self._submitter = submitter
        self._sealer = sealer
        self._opt_outs = opt_outs
        self._elsewhere = elsewhere
        self._long_messages = long_messages

    async def __call__(self, batch: Sequence[Received[DispatchOrdered]], finish: Finish) -> None:
        """Plan, then submit. `finish` is called for a record when each of its parts is settled and told."""
        attempts: list[Attempt] = []
        for received in batch:
            order, message = received.event, received.event.message
            number = self._sealer.open(message.account_id, message.message_id, "to", message.to)
            text = self._sealer.open(message.account_id, message.message_id, "content", message.content)
            if isinstance(number, Erased) or isinstance(text, Erased):
                parts = erased(order, self._long_messages)
                parcel = Parcel(received, len(parts), finish)
            else:
                parts = plan(order, number, text, self._long_messages)
                elsewhere = partial(self._elsewhere, order, number)
                opted_out = (
                    _never
                    if message.door is Door.INBOUND
                    else partial(self._opt_outs.covers, message.account_id, number, message.sender)
                )
                parcel = Parcel(received, len(parts), finish, opted_out, elsewhere)
            attempts.extend(Attempt(parcel, part, order.attempt) for part in parts)
        await self._submitter.submit(attempts)


def _never() -> bool:
    return False
