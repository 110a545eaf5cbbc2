"""Taking over what client systems publish: the order of effects, and what of it is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.api.gathering import Send
from services.ingest.api.problems import Code, Rejected
from services.ingest.api.requested import event_id_of, send_requested
from services.ingest.clients.answers import partly_refused, refused
from services.ingest.clients.asking import Ask, ask, published_at
from services.ingest.clients.choosing import Client, Clients
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.naming import Named, Naming
from services.ingest.limits.limiter import Standing
from shared.contracts.codec import Writer
from shared.contracts.events import Actor
from shared.contracts.topics import requests
from shared.contracts.words import Door, Lane
from shared.errors import BudstikkeError, TryLater
from shared.ids import partition_of
from shared.kafka.choice import Done, Lot
from shared.kafka.record import Output, Record
from shared.privacy.sealing import Sealer
from shared.telemetry.logs import get_log

SOURCE: Final = "/budstikke/ingest/clients"

_SEND_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 1.0
_YIELD: Final = 50  # messages between two looks at other work
_MOST_MESSAGES: Final = 5_000  # of one batch, and the request that goes beyond it

_log = get_log()


class Limits(Protocol):
    """`Limiter`."""

    async def take(self, account: Account, messages: int, parts: int) -> Standing:
        """Take all that is asked for, or nothing."""
        ...


class Reading(msgspec.Struct):
    """One lot as far as it is read: the requests that are right, and the answers to those that are not.

    The `count` first records are dealt with by that; the next one may come after `wait` seconds.
    """

    lot: Lot
    client: Client | None
    asks: list[Ask] = []
    answers: list[Output] = []
    count: int = 0
    wait: float = 0.0


class TakeOver:
    """The handler of `ChosenRunner`: bodies of `POST /v1/messages` become `SendRequested` on their lanes.

    Per batch: read and check each record, within its account's limits; name the requests (one round trip for all
    idempotency keys); write the messages; write the refusals, each account's for itself. Then the batch is finished. A
    batch that is done twice writes the same ids twice, which the ledger and the message log know.

    Nothing is written of a partition that somebody else may be reading by now (`Clients.holds`): who slept for long
    finds the accounts as they were then.

    An account beyond its limits waits, and nobody with it. An account whose refusals cannot be written waits too:
    until its topic is back, or it is no longer chosen.
    """

    def __init__(
        self,
        clients: Clients,
        limits: Limits,
        naming: Naming,
        send: Mapping[Lane, Send],
        answer: Send,
        *,
        sealer: Sealer,
        writer: Writer,
        partitions: int,
        metrics: ClientMetrics,
    ) -> None:
        """`answer` writes refusals; it has a producer of its own, because topics of accounts may be gone."""
        self._clients = clients
        self._limits = limits
        self._naming = naming
        self._send = send
        self._answer = answer
        self._sealer = sealer
        self._writer = writer
        self._partitions = partitions
        self._metrics = metrics

    async def __call__(self, lots: Sequence[Lot]) -> Sequence[Done]:
        """Finish the lots as far as they may be. Raises `TryLater` when what all need is away."""
        readings = []
        room = _MOST_MESSAGES
        for lot in lots:
            reading = await self._read(lot, room)
            room -= sum(len(one.verdicts) for one in reading.asks)
            readings.append(reading)
        await self._produce(readings)
        return await asyncio.gather(*(self._finish(reading) for reading in readings))

    async def _read(self, lot: Lot, room: int) -> Reading:
        """Read records until one has to wait."""
        client = self._clients.of(lot.partition.topic)
        reading = Reading(lot, client)
        if client is None:
            reading.wait = _AGAIN_SECONDS
            return reading
        for record in lot.records:
            if room <= 0:
                break
            try:
                one = _ask(record, client.account)
            except Rejected as why:
                self._refuse(reading, client, record, why)
            else:
                messages = len(one.good)
                standing = await self._limits.take(client.account, messages, messages * one.draft.measure.parts)
                if standing.retry_after is not None:
                    self._metrics.held.inc()
                    reading.wait = standing.retry_after
                    break
                room -= len(one.verdicts)
                reading.asks.append(one)
            reading.count += 1
            if reading.count % _YIELD == 0:
                await asyncio.sleep(0)
        return reading

    async def _produce(self, readings: Sequence[Reading]) -> None:
        """Name the requests and write their messages, all lanes beside each other."""
        asks = [(reading, one) for reading in readings for one in reading.asks]
        if not asks:
            return
        names = await self._naming([one for _, one in asks])
        outputs: dict[Lane, list[Output]] = {}
        for (reading, one), named in zip(asks, names, strict=True):
            client = reading.client
            if client is None:
                continue
            if isinstance(named, Rejected):
                self._refuse(reading, client, one.record, named)
            elif named is None:
                self._metrics.replayed.inc()
            else:
                await self._add(one, named, outputs.setdefault(one.draft.lane, []))
                self._note(reading, client, one)
        if not all(self._holds(reading) for reading in readings):
            raise TryLater("client_share_lost", "somebody else may be reading a partition of this batch")
        await asyncio.gather(*(self._send[lane](records, deadline=_SEND_SECONDS) for lane, records in outputs.items()))
        for lane, records in outputs.items():
            self._metrics.messages[lane].inc(len(records))

    async def _add(self, one: Ask, named: Named, outputs: list[Output]) -> None:
        """The records of one request."""
        account_id = one.account.account_id
        actor = Actor(key_id=f"client-{account_id}")
        topic = requests(one.draft.lane)
        asked_at = published_at(one.record)
        for place, number in one.good:
            message_id = named.ids.of(place)
            event = send_requested(
                one.draft,
                number,
                message_id,
                account_id=account_id,
                at=named.at,
                asked_at=asked_at,
                door=Door.KAFKA,
                actor=actor,
                test=one.draft.body.test,
                sealer=self._sealer,
            )
            outputs.append(
                self._writer.output(
                    topic,
                    partition_of(message_id, self._partitions),
                    event,
                    event_id=event_id_of(message_id),
                    time=named.at,
                    subject=message_id,
                )
            )
            if len(outputs) % _YIELD == 0:
                await asyncio.sleep(0)

    async def _finish(self, reading: Reading) -> Done:
        """Write the refusals of one account. One that cannot be told keeps its records."""
        if not reading.answers:
            return Done(reading.count, reading.wait)
        if not self._holds(reading):
            return Done(0, _AGAIN_SECONDS)
        try:
            await self._answer(reading.answers, deadline=_ANSWER_SECONDS)
        except BudstikkeError as error:
            self._metrics.answers_failed.inc()
            _log.warning("client_not_answered", topic=reading.lot.partition.topic, code=error.code)
            return Done(0, _AGAIN_SECONDS)
        return Done(reading.count, reading.wait)

    def _holds(self, reading: Reading) -> bool:
        return self._clients.holds(reading.lot.partition, reading.lot.term)

    def _refuse(self, reading: Reading, client: Client, record: Record, why: Rejected) -> None:
        self._metrics.refused.inc()
        reading.answers.append(refused(record, client.account.account_id, why, client.event_partitions))

    def _note(self, reading: Reading, client: Client, one: Ask) -> None:
        """Count a request that was accepted, and answer what of it was not."""
        if len(one.good) == len(one.verdicts):
            self._metrics.accepted.inc()
        else:
            self._metrics.partly_refused.inc()
            reading.answers.append(partly_refused(one, client.event_partitions))


def _ask(record: Record, account: Account) -> Ask:
    """`ask`, for records of any kind: what nobody foresaw is refused as an error of ours, and stops nobody."""
    try:
        return ask(record, account)
    except (Rejected, TryLater):
        raise
    except Exception as error:
        place = f"{record.topic}[{record.partition}] offset {record.offset}"
        _log.error("client_request_failed", place=place, error=type(error).__name__)
        raise Rejected(Code.INTERNAL_ERROR) from None
