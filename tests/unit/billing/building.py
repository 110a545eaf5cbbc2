"""Builders of what the service takes in."""

from __future__ import annotations

from datetime import UTC, datetime

from services.billing.usage.entry import Charge
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import ChargeBasis, MessageCorrected, MessageStatusChanged
from shared.contracts.states import State
from shared.contracts.words import Category, ReceiptState
from shared.ids import AccountId, MessageId, partition_of
from shared.kafka.record import Output, Record
from shared.privacy.sealing import Sealed

ACCOUNT = AccountId("nordvik")
ACCEPTED = datetime(2026, 11, 23, 8, 0, 0, 123000, tzinfo=UTC)
PSEUDONYM = "2026:4f1d8a90c2b35e76a1f0d4c8b9e23756"

_write = Writer("/budstikke/test/test").output


def message_id(number: int) -> MessageId:
    """The id of one of many messages."""
    return MessageId(f"018f3c1a-7b2e-7d4f-8a6b-{number:012x}")


def charge(number: int = 1, parts: int = 1, *, correction: bool = False, account: AccountId = ACCOUNT) -> Charge:
    return Charge(
        message_id=message_id(number),
        account_id=account,
        parts=parts,
        category=Category.TRANSACTIONAL,
        accepted_at=ACCEPTED,
        correction=correction,
        country="NO",
        operator="fjord",
        pseudonym=PSEUDONYM,
    )


def status(
    number: int = 1,
    parts: int | None = 1,
    *,
    sequence: int = 3,
    state: State = State.SUBMITTED,
    test: bool = False,
    account: AccountId = ACCOUNT,
    accepted_at: datetime = ACCEPTED,
) -> MessageStatusChanged:
    """A status; `parts` None when nothing was taken."""
    return MessageStatusChanged(
        message_id=message_id(number),
        account_id=account,
        to=Sealed(b"to"),
        state=state,
        sequence=sequence,
        at=accepted_at,
        charge=None if parts is None else _basis(parts, accepted_at),
        test=test,
    )


def corrected(number: int = 1, parts: int = 1, *, sequence: int = 5) -> MessageCorrected:
    return MessageCorrected(
        message_id=message_id(number),
        account_id=ACCOUNT,
        state=State.FAILED,
        sequence=sequence,
        at=ACCEPTED,
        part=1,
        receipt_state=ReceiptState.DELIVERED,
        charge=_basis(parts, ACCEPTED),
    )


def output(event: MessageStatusChanged | MessageCorrected, partitions: int = 4) -> Output:
    """As `dlr.status` tells it."""
    return _write(
        topics.EVENTS,
        partition_of(event.message_id, partitions),
        event,
        event_id=f"{event.message_id}:{event.sequence}",
        time=event.at,
        subject=event.message_id,
    )


def record(event: MessageStatusChanged | MessageCorrected) -> Record:
    told = output(event)
    return Record(told.topic, told.partition, 0, 0, told.key, told.value, told.headers)


def _basis(parts: int, accepted_at: datetime) -> ChargeBasis:
    return ChargeBasis(
        category=Category.TRANSACTIONAL,
        parts_taken=parts,
        country="NO",
        operator="fjord",
        route_id="fjord-main",
        accepted_at=accepted_at,
        pseudonym=PSEUDONYM,
    )
