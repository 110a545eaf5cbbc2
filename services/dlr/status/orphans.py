"""Receipts whose sender no longer knew the message: find it by the operator's id and put the receipt under its key.

Always by way of the topic, even when the partition happens to be the same: then one message is only ever folded by
the member that owns its partition, in the order of that partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from services.dlr.status.message import Message, Request, Submission, operator_key
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import OperatorReceipt
from shared.contracts.receipts import of_part
from shared.errors import Refused
from shared.ids import GATEWAY, partition_of
from shared.kafka.record import Output
from shared.privacy.sealing import Erased, Sealed, Sealer
from shared.smpp.receipts import id_candidates
from shared.text.numbers import whole

KEPT: Final = timedelta(days=7)
"""How long a message and its receipt may wait for each other: as long as the topics keep them."""

_SKEW: Final = timedelta(minutes=1)
_HANDSET: Final = 8
"""Digits at the end of a number that operators do not write differently."""


def keys_of(receipt: OperatorReceipt) -> tuple[str, ...]:
    """What the part may be known by: operators answer a submit in one base and write the receipt in the other.

    Empty when the operator named no message.
    """
    spellings = [spelling.decode("latin-1") for spelling in id_candidates(receipt.operator_id_raw) if spelling]
    return tuple(dict.fromkeys(operator_key(receipt.operator, spelling) for spelling in spellings))


class Adopter:
    """Finds the message of an orphan, and writes the receipt anew under its key, sealed for its account.

    The receipt id stays, but that further parts have their own.
    """

    def __init__(self, source: str, sealer: Sealer, partitions: int) -> None:
        self._sealer = sealer
        self._partitions = partitions
        self._write = Writer(source).output

    def adopted(self, receipt: OperatorReceipt, candidates: Iterable[Message]) -> Sequence[Output]:
        """The records for `sms.receipts`, one for each part that the id stands for: all those of a message that went in
        one PDU. Empty when none of the messages is the receipt's.

        Raises `BadRecord` (`bad_seal`) when a field does not open.
        """
        match = self._match(receipt, candidates)
        if match is None:
            return ()
        message, found = match
        same = (found.key, found.link, found.attempt)
        parts = sorted({one.part for one in message.submissions if (one.key, one.link, one.attempt) == same})
        return [self._output(receipt, message, found.attempt, part, parts) for part in parts]

    def _match(self, receipt: OperatorReceipt, candidates: Iterable[Message]) -> tuple[Message, Submission] | None:
        """An operator uses its ids again, also on two links, and a receipt may be for a message of which only the
        request is here yet. So what went to another handset is never meant; of the rest, a handset that is known to be
        the same goes first, then the id to the letter, then the same link, then the latest request before the receipt.

        An id in another spelling is as likely that of another message: then the handset must be known.
        """
        keys, source = keys_of(receipt), self._source(receipt)
        matches = []
        for message in candidates:
            request = message.request
            if request is None or request.requested_at > receipt.received_at + _SKEW:
                continue
            same = self._same_handset(source, message, request)
            if same is False:
                continue
            for one in message.submissions:
                exact = one.is_called(receipt.operator, receipt.operator_id)
                if one.key in keys and (exact or same):
                    rank = (same is True, exact, one.link == receipt.link, request.requested_at)
                    matches.append((rank, message, one))
        if not matches:
            return None
        _, found, submission = max(matches, key=lambda match: match[0])
        return found, submission

    def _source(self, receipt: OperatorReceipt) -> str | None:
        """The end of the number that the receipt came from."""
        if receipt.source is None:
            return None
        source = self._sealer.open(receipt.account_id or GATEWAY, receipt.receipt_id, "source", receipt.source)
        return None if isinstance(source, Erased) else _handset(source)

    def _same_handset(self, source: str | None, message: Message, request: Request) -> bool | None:
        """Whether a message went to the handset of this number; None when nobody can tell.

        A receipt that comes from the message's own sender has its addresses the other way round.
        """
        number = self._sealer.open(message.account_id, message.id, "to", request.to)
        handset = None if isinstance(number, Erased) else _handset(whole(number))
        if source is None or handset is None or source == _handset(request.sender):
            return None
        return source == handset

    def _output(
        self, receipt: OperatorReceipt, message: Message, attempt: int, part: int, parts: Sequence[int]
    ) -> Output:
        receipt_id = of_part(receipt.receipt_id, part, parts)
        adopted = msgspec.structs.replace(
            receipt,
            receipt_id=receipt_id,
            message_id=message.id,
            account_id=message.account_id,
            part=part,
            attempt=attempt,
            raw=self._sealed_anew(receipt, receipt_id, message, "raw", receipt.raw),
            source=self._sealed_anew(receipt, receipt_id, message, "source", receipt.source),
        )
        return self._write(
            topics.RECEIPTS,
            partition_of(message.id, self._partitions),
            adopted,
            event_id=receipt_id,
            time=receipt.received_at,
            subject=message.id,
        )

    def _sealed_anew(
        self, receipt: OperatorReceipt, receipt_id: str, message: Message, field: str, sealed: Sealed | None
    ) -> Sealed | None:
        """A field that the gateway sealed for itself, sealed for the account; None when either key is gone."""
        if sealed is None:
            return None
        text = self._sealer.open(receipt.account_id or GATEWAY, receipt.receipt_id, field, sealed)
        if isinstance(text, Erased):
            return None
        try:
            return self._sealer.seal(message.account_id, receipt_id, field, text, receipt.received_at)
        except Refused:
            return None


def _handset(address: str) -> str | None:
    """What stays of a number however it is written; None for what is none, and for one that is too short."""
    digits = address.removeprefix("+")
    return digits[-_HANDSET:] if len(digits) >= _HANDSET and digits.isascii() and digits.isdecimal() else None
