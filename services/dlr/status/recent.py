"""The messages that this process wrote last, so that what is said of them next needs no query.

May be out of date: the compare-and-set of the store finds that out, and then it is loaded after all (measured: a load
costs the process 35 µs a message and the database about as much).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from services.dlr.status.message import Message
from shared.contracts.states import FINAL
from shared.ids import MessageId


class Recent:
    """At most `size` messages that are not final; the one written longest ago goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._messages: OrderedDict[MessageId, Message] = OrderedDict()

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, message_id: MessageId) -> Message | None:
        """The message as it was written here last."""
        return self._messages.get(message_id)

    def keep(self, message: Message) -> None:
        """Remember what was just written."""
        self._messages.pop(message.id, None)
        if message.state not in FINAL:
            self._messages[message.id] = message
            if len(self._messages) > self._size:
                self._messages.popitem(last=False)

    def forget(self, ids: Iterable[MessageId]) -> None:
        """Somebody else wrote these."""
        for message_id in ids:
            self._messages.pop(message_id, None)
