"""The role `relay`: statuses and incoming messages in, each account's own systems told on its own topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from services.dlr.clients.pairs import Pairs
from services.dlr.webhooks.delivery.payload import render, type_of
from services.dlr.webhooks.delivery.told import Told, hear
from shared.contracts.envelope import ID, SUBJECT, TIME, TYPE
from shared.contracts.topics import client_events
from shared.ids import AccountId, partition_of
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Headers, Output, Received
from shared.privacy.sealing import Sealer

_FIXED: Final[Headers] = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/budstikke/dlr/relay"),
    ("content-type", b"application/json"),
)


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    async def __call__(self, outputs: Sequence[Output]) -> None:
        """Return once all replicas have everything. Raises `TryLater`."""
        ...


class Relay:
    """Writes each status and incoming message of an account that has a pair of topics to its `.events`, with the body
    of a webhook.

    All states are told, in the order of each message; an event that comes twice has the same `ce_id` twice. When a
    topic goes while it is written to, the batch comes again, and finds it gone.
    """

    def __init__(self, pairs: Pairs, send: Send, sealer: Sealer) -> None:
        self._pairs = pairs
        self._send = send
        self._sealer = sealer

    async def __call__(self, batch: Sequence[Received[AccountId]], finish: Finish[AccountId]) -> None:
        """Tell of a batch. Raises `TryLater`; `BadRecord` for an event that cannot be read, or does not open."""
        partitions = await self._pairs.of({received.event for received in batch})
        told = [hear(received.record) for received in batch if received.event in partitions]
        outputs = [self._output(each, partitions) for one in told if isinstance(one, Told) for each in one.each()]
        if outputs:
            try:
                await self._send(outputs)
            except BaseException:
                self._pairs.forget()
                raise
        for received in batch:
            finish(received)

    def _output(self, told: Told, partitions: Mapping[AccountId, int]) -> Output:
        event = told.event
        return Output(
            topic=client_events(event.account_id),
            partition=partition_of(told.subject, partitions[event.account_id]),
            key=told.subject.encode(),
            value=render(told.id, event, self._sealer),
            headers=(
                *_FIXED,
                (ID, told.id.encode()),
                (TYPE, type_of(event).encode()),
                (TIME, told.at.isoformat().encode()),
                (SUBJECT, told.subject.encode()),
            ),
        )
