"""Builders of what the service takes in. Sealed fields hold octets that nobody opens here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.dlr.status.fold import Asked, Folded, fold
from services.dlr.status.message import Message, Report, Request, stub
from services.dlr.status.reports import of_fact, of_receipt
from shared.contracts.events import Actor, OperatorReceipt, PartFact, SendRequested
from shared.contracts.words import Category, Door, FactKind, Lane, ReceiptState
from shared.ids import AccountId, MessageId
from shared.privacy.sealing import Sealed

MESSAGE = MessageId("018f3c1a-7b2e-7d4f-8a6b-0123456789ab")
ACCOUNT = AccountId("acme")
TO = Sealed(b"to")
CONTENT = Sealed(b"content")
START = datetime(2026, 11, 23, 8, 0, 0, 123000, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after the request."""
    return START + timedelta(seconds=seconds)


def send_requested(message_id: MessageId = MESSAGE, to: Sealed = TO, content: Sealed = CONTENT) -> SendRequested:
    return SendRequested(
        message_id=message_id,
        account_id=ACCOUNT,
        to=to,
        sender="Acme",
        content=content,
        lane=Lane.STANDARD,
        category=Category.TRANSACTIONAL,
        requested_at=START,
        valid_until=START + timedelta(hours=48),
        door=Door.HTTP,
        actor=Actor(key_id="k1"),
        reference="order 7",
    )


def asked(fact: str = "request") -> Asked:
    event = send_requested()
    return Asked(
        fact=fact,
        account_id=ACCOUNT,
        request=Request(
            to=event.to,
            content=event.content,
            sender=event.sender,
            category=event.category,
            lane=event.lane,
            requested_at=event.requested_at,
            valid_until=event.valid_until,
            pseudonym="2026:0f",
            reference=event.reference,
        ),
    )


def part_fact(
    kind: FactKind,
    *,
    part: int = 1,
    parts: int = 1,
    attempt: int = 1,
    seconds: float = 1.0,
    code: str | None = None,
    message_id: MessageId = MESSAGE,
) -> PartFact:
    submitted = kind is FactKind.SUBMITTED
    return PartFact(
        message_id=message_id,
        account_id=ACCOUNT,
        kind=kind,
        at=at(seconds),
        category=Category.TRANSACTIONAL,
        parts=parts,
        cause="cause",
        part=part,
        attempt=attempt,
        country="NO",
        code=code,
        operator="fjord",
        link="fjord-1",
        route_id="no-fjord",
        operator_id=f"{message_id[-4:]}{part}{attempt}" if submitted else None,
        status=8 if kind is FactKind.REFUSED else None,
    )


def fact(
    kind: FactKind,
    *,
    part: int = 1,
    parts: int = 1,
    attempt: int = 1,
    seconds: float = 1.0,
    code: str | None = None,
) -> Report:
    event = part_fact(kind, part=part, parts=parts, attempt=attempt, seconds=seconds, code=code)
    return of_fact(f"{kind}:{part}:{attempt}", event)


def operator_receipt(
    state: ReceiptState,
    *,
    part: int = 1,
    attempt: int = 1,
    seconds: float = 5.0,
    receipt_id: str | None = None,
    message_id: MessageId | None = MESSAGE,
    operator_id: str = "x",
) -> OperatorReceipt:
    return OperatorReceipt(
        receipt_id=receipt_id or f"receipt:{state}:{part}:{attempt}",
        operator="fjord",
        link="fjord-1",
        operator_id=operator_id,
        operator_id_raw=operator_id.encode(),
        state=state,
        received_at=at(seconds),
        error="034",
        message_id=message_id,
        account_id=None if message_id is None else ACCOUNT,
        part=part,
        attempt=attempt,
    )


def receipt(
    state: ReceiptState,
    *,
    part: int = 1,
    attempt: int = 1,
    seconds: float = 5.0,
    receipt_id: str | None = None,
) -> Report:
    return of_receipt(operator_receipt(state, part=part, attempt=attempt, seconds=seconds, receipt_id=receipt_id))


def folded(*things: Asked | Report, message: Message | None = None) -> tuple[Message, list[Folded]]:
    """A message after all of these, and what came of each."""
    message = message or stub(MESSAGE, ACCOUNT)
    outcomes = []
    for thing in things:
        outcome = fold(message, thing)
        message = outcome.message
        outcomes.append(outcome)
    return message, outcomes
