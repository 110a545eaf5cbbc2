"""What operators deliver: receipts go to `sms.receipts`, messages from handsets to `sms.inbound`; only then they are
answered (SMPP rule 5).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from sys import intern

import msgspec

from services.dispatch.sender.facts import SOURCE
from services.dispatch.sender.incoming import Reading, incoming
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.telling import GATHER, MOST_AT_ONCE
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import OperatorReceipt
from shared.contracts.inbound import MessageReceived
from shared.contracts.receipts import of_part
from shared.contracts.words import ReceiptState
from shared.errors import BudstikkeError
from shared.ids import GATEWAY, AccountId, MessageId, partition_of
from shared.kafka.lingering import linger
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.smpp.constants import ESME_ROK, ESME_RX_T_APPN
from shared.smpp.pdu import DeliverSm
from shared.smpp.receipts import Receipt, id_candidates, parse
from shared.smpp.receipts import ReceiptState as SmppState
from shared.smpp.reply import Reply
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_KINDS = (_RECEIPT, _ORPHAN, _INCOMING) = ("receipt", "orphan_receipt", "incoming")
_ALONE = (1,)
_HANDSET = 8
"""Digits at the end of a number that operators do not write differently."""

_STATES = {
    **{SmppState(state): state for state in ReceiptState},
    SmppState.SCHEDULED: ReceiptState.ENROUTE,
    SmppState.SKIPPED: ReceiptState.DELETED,
}
"""In the words of our events, which are those of SMPP 3.4: states of SMPP 5 are not among them."""


class Sent(msgspec.Struct, frozen=True, gc=False):
    """What an operator's message id stands for: one part, or all that went with it in one PDU. `handset` is the end of
    the number it went to.
    """

    message_id: MessageId
    account_id: AccountId
    parts: tuple[int, ...]
    attempt: int
    handset: bytes

    def __repr__(self) -> str:
        return f"Sent({self.message_id}:{self.parts}:{self.attempt})"


class SentMemory:
    """The last parts that an operator took, by link and its id: bounded, lost at a restart (`dlr` then finds them).

    An operator uses its ids again, so a receipt that names another handset is for another message, which `dlr` finds.
    An id is found as it was given; read in another base it may be that of another message, so then the receipt must
    name the handset.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: OrderedDict[tuple[str, str], Sent] = OrderedDict()

    def remember(self, link: str, operator_id: str, attempt: Attempt) -> None:
        """Note that the operator took a part."""
        message, pdu = attempt.parcel.order.message, attempt.part.pdu
        handset = pdu.destination_addr[-_HANDSET:] if pdu is not None else b""
        account, parts = (
            AccountId(intern(message.account_id)),
            attempt.part.numbers,
        )  # one of each for all that are alike
        self._sent[link, operator_id] = Sent(
            message.message_id, account, _ALONE if parts == _ALONE else parts, attempt.number, handset
        )
        if len(self._sent) > self._size:
            self._sent.popitem(last=False)

    def find(self, link: str, receipt: Receipt, pdu: DeliverSm) -> tuple[str, Sent] | None:
        """The operator's id as it first gave it, and what it stands for."""
        as_given = self._called(receipt.message_id, link, receipt, pdu)
        if as_given is not None:  # almost always, and the other spellings cost more than all of this
            return as_given
        others = (self._called(spelling, link, receipt, pdu) for spelling in id_candidates(receipt.message_id)[1:])
        return next(filter(None, others), None)

    def _called(self, spelling: bytes, link: str, receipt: Receipt, pdu: DeliverSm) -> tuple[str, Sent] | None:
        operator_id = spelling.decode("latin-1")
        sent = self._sent.get((link, operator_id))
        if sent is None:
            return None
        same = sent.handset in (pdu.source_addr[-_HANDSET:], pdu.destination_addr[-_HANDSET:])
        if same or (spelling == receipt.message_id and not (sent.handset and _is_handset(pdu.source_addr))):
            return operator_id, sent
        return None


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A `deliver_sm` that waits for its answer."""

    link: str
    pdu: DeliverSm
    reply: Reply
    at: datetime


class ReceiptRelay:
    """Gathers what the binds of one operator deliver, writes it in batches, then answers each.

    Messages of one handset to one number keep their order; whose they are nobody knows here, so that number and text
    are sealed under the gateway's own key.

    The sessions bound how much may wait here. What cannot be stored is answered ESME_RX_T_APPN: the operator
    delivers it again.
    """

    def __init__(
        self,
        operator: str,
        memory: SentMemory,
        sender: Sender,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        clock: Clock,
        partitions: int,
        metrics: SenderMetrics,
        reading: Reading,
    ) -> None:
        self._operator = operator
        self._memory = memory
        self._sender = sender
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._partitions = partitions
        self._reading = reading
        self._write = Writer(SOURCE).output
        self._waiting: list[Delivery] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._counters = {kind: metrics.deliveries.labels(operator, kind) for kind in _KINDS}

    def start(self) -> None:
        """Begin to relay."""
        self._task = asyncio.create_task(self._run(), name=f"receipts {self._operator}")

    async def stop(self) -> None:
        """End; what still waits stays unanswered, so the operator keeps it."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Return or raise when the relay ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def take(self, link: str, pdu: DeliverSm, reply: Reply) -> None:
        """A bind delivered something. Called from the read; does nothing but note it."""
        self._waiting.append(Delivery(link, pdu, reply, self._clock.now()))
        self._arrived.set()

    async def _run(self) -> None:
        """Batch after batch, for ever. When nothing came while one was written, it may have been all that the operator
        gives before an answer: as many go at once the next time.
        """
        enough = MOST_AT_ONCE
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await linger(lambda: len(self._waiting), enough, GATHER)
                batch = list(islice(self._waiting, MOST_AT_ONCE))
                del self._waiting[: len(batch)]
                status = await self._store(batch)
                enough = MOST_AT_ONCE if self._waiting else len(batch)
                for delivery in batch:
                    delivery.reply(status)

    async def _store(self, batch: Sequence[Delivery]) -> int:
        """Write them; the status to answer with."""
        counts: Counter[str] = Counter()
        outputs = [output for delivery in batch for output in self._outputs(delivery, counts)]
        for kind, count in counts.items():
            self._counters[kind].inc(count)
        try:
            await self._sender.send(outputs)
        except BudstikkeError as error:
            _log.warning("deliveries_not_stored", operator=self._operator, code=error.code, count=len(outputs))
            return ESME_RX_T_APPN
        return ESME_ROK

    def _outputs(self, delivery: Delivery, counts: Counter[str]) -> Sequence[Output]:
        """What a delivery is: a message, or a receipt, told of each part that its id stands for."""
        receipt = parse(delivery.pdu)
        if receipt is None:
            counts[_INCOMING] += 1
            return [self._incoming(delivery)]
        found = self._memory.find(delivery.link, receipt, delivery.pdu)
        counts[_ORPHAN if found is None else _RECEIPT] += 1
        parts = (0,) if found is None else found[1].parts
        return [self._receipt(delivery, receipt, found, part) for part in parts]

    def _receipt(self, delivery: Delivery, receipt: Receipt, found: tuple[str, Sent] | None, part: int) -> Output:
        event = self._event(delivery, receipt, found, part)
        if found is not None:
            key = event.message_id or ""
            partition = partition_of(key, self._partitions)
        else:
            key = f"{self._operator}:{event.operator_id}"
            partition = self._partition(key)
        return self._write(
            topics.RECEIPTS,
            partition,
            event,
            event_id=event.receipt_id,
            time=delivery.at,
            subject=event.message_id or event.receipt_id,
            key=key,
        )

    def _incoming(self, delivery: Delivery) -> Output:
        message = incoming(self._operator, delivery.link, delivery.pdu, self._reading)
        inbound_id, at = message.inbound_id, delivery.at
        key = f"{message.to}|{self._pseudonyms.of(GATEWAY, message.from_, at)}"
        event = MessageReceived(
            inbound_id=inbound_id,
            operator=self._operator,
            link=delivery.link,
            to=message.to,
            from_=self._sealer.seal(GATEWAY, inbound_id, "from", message.from_, at),
            content=self._sealer.seal(GATEWAY, inbound_id, "content", message.content, at),
            coding=message.coding,
            received_at=at,
            part_of=message.part_of,
        )
        return self._write(topics.INBOUND, self._partition(key), event, event_id=inbound_id, time=at, subject=key)

    def _partition(self, key: str) -> int:
        return hashlib.blake2s(key.encode(), digest_size=1).digest()[0] % self._partitions

    def _event(
        self, delivery: Delivery, receipt: Receipt, found: tuple[str, Sent] | None, part: int
    ) -> OperatorReceipt:
        sent = found[1] if found else None
        receipt_id = receipt_id_of(self._operator, delivery.link, delivery.pdu)
        if sent is not None:
            receipt_id = of_part(receipt_id, part, sent.parts)
        account = sent.account_id if sent else GATEWAY
        raw = delivery.pdu.content.decode("latin-1")
        source = delivery.pdu.source_addr.decode("latin-1")
        return OperatorReceipt(
            receipt_id=receipt_id,
            operator=self._operator,
            link=delivery.link,
            operator_id=found[0] if found else receipt.message_id.decode("latin-1"),
            operator_id_raw=receipt.message_id,
            state=_STATES[receipt.state],
            received_at=delivery.at,
            error=receipt.err or None,
            network_error=f"{receipt.network_error.network}:{receipt.network_error.code}"
            if receipt.network_error
            else None,
            done_at=receipt.done_at,
            raw=self._sealer.seal(account, receipt_id, "raw", raw, delivery.at),
            source=self._sealer.seal(account, receipt_id, "source", source, delivery.at),
            message_id=sent.message_id if sent else None,
            account_id=sent.account_id if sent else None,
            part=part,
            attempt=sent.attempt if sent else 0,
        )


def _is_handset(address: bytes) -> bool:
    """Whether an address is a whole number, and not a short one or a name."""
    digits = address.removeprefix(b"+")
    return len(digits) >= _HANDSET and digits.isdigit()


def receipt_id_of(operator: str, link: str, pdu: DeliverSm) -> str:
    """Same content, same id: a receipt delivered again is a repeat."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in (operator.encode(), link.encode(), pdu.source_addr, pdu.destination_addr, pdu.content):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    for tag, value in pdu.tlvs:
        digest.update(tag.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()
