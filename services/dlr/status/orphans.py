"""Receipts whose sender no longer knew the message: find it by the operator's id and put the receipt under its key.

Always by way of the topic, even when the partition happens to be the same: then one message is only ever folded by
the member that owns its partition, in the order of that partition.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.dlr.status.message import Message, Submission, operator_key
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import OperatorReceipt
from shared.ids import GATEWAY, partition_of
from shared.kafka.record import Output
from shared.privacy.sealing import Erased, Sealed, Sealer


def key_of(receipt: OperatorReceipt) -> str:
    """What to look the message up by."""
    return operator_key(receipt.operator, receipt.operator_id)


def message_of(receipt: OperatorReceipt, candidates: Sequence[Message]) -> tuple[Message, Submission] | None:
    """The message that a receipt speaks of, and how its part was submitted.

    An operator may use an id again, or the same one on two links: the same link wins, then the latest request.
    """
    key = key_of(receipt)
    matches = [(message, one) for message in candidates for one in message.submissions if one.key == key]
    return max(matches, key=lambda match: _likeness(receipt, *match), default=None)


def _likeness(receipt: OperatorReceipt, message: Message, submission: Submission) -> tuple[bool, float]:
    requested = 0.0 if message.request is None else message.request.requested_at.timestamp()
    return submission.link == receipt.link, requested


class Adopter:
    """Writes orphan receipts anew, under their message's key and sealed for its account. The receipt id stays."""

    def __init__(self, source: str, sealer: Sealer, partitions: int) -> None:
        self._sealer = sealer
        self._partitions = partitions
        self._write = Writer(source).output

    def output(self, receipt: OperatorReceipt, message: Message, submission: Submission) -> Output:
        """The record for `sms.receipts`. Raises `BadRecord` (`bad_seal`) when a field does not open."""
        adopted = msgspec.structs.replace(
            receipt,
            message_id=message.id,
            account_id=message.account_id,
            part=submission.part,
            attempt=submission.attempt,
            raw=self._sealed_anew(receipt, message, "raw", receipt.raw),
            source=self._sealed_anew(receipt, message, "source", receipt.source),
        )
        return self._write(
            topics.RECEIPTS,
            partition_of(message.id, self._partitions),
            adopted,
            event_id=receipt.receipt_id,
            time=receipt.received_at,
            subject=message.id,
        )

    def _sealed_anew(
        self, receipt: OperatorReceipt, message: Message, field: str, sealed: Sealed | None
    ) -> Sealed | None:
        """A field that the gateway sealed for itself, sealed for the account; None when its key is gone."""
        if sealed is None:
            return None
        text = self._sealer.open(receipt.account_id or GATEWAY, receipt.receipt_id, field, sealed)
        if isinstance(text, Erased):
            return None
        return self._sealer.seal(message.account_id, receipt.receipt_id, field, text, receipt.received_at)
