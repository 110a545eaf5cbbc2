"""Events to records and back.

`Writer` belongs to one role (its `ce_source`); `read` belongs to everybody. Both know exactly the types in `TYPES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from shared.contracts import abuse, accounts, billing, events, holds, inbound, premium, privacy, settlements
from shared.contracts.envelope import TYPE, fixed_headers, headers_of, stamp
from shared.contracts.events import Event
from shared.errors import BadRecord
from shared.kafka.record import Headers, Output, Record, header

E = TypeVar("E", bound=Event)
S = TypeVar("S")

TYPES: Final[dict[str, type[Event]]] = {
    "no.budstikke.sms.send-requested.v1": events.SendRequested,
    "no.budstikke.sms.message-accepted.v1": events.MessageAccepted,
    "no.budstikke.sms.dispatch-ordered.v1": events.DispatchOrdered,
    "no.budstikke.sms.dispatch-returned.v1": events.DispatchReturned,
    "no.budstikke.dispatch.link-changed.v1": events.LinkChanged,
    "no.budstikke.sms.part-fact.v1": events.PartFact,
    "no.budstikke.sms.operator-receipt.v1": events.OperatorReceipt,
    "no.budstikke.sms.message-status-changed.v1": events.MessageStatusChanged,
    "no.budstikke.sms.message-corrected.v1": events.MessageCorrected,
    "no.budstikke.sms.message-held.v1": holds.MessageHeld,
    "no.budstikke.sms.message-delayed.v1": holds.MessageDelayed,
    "no.budstikke.sms.hold-decided.v1": holds.HoldDecided,
    "no.budstikke.sms.traffic-counted.v1": abuse.TrafficCounted,
    "no.budstikke.abuse.signal-changed.v1": abuse.SignalChanged,
    "no.budstikke.config.account-changed.v1": accounts.AccountChanged,
    "no.budstikke.billing.daily-usage.v1": billing.DailyUsage,
    "no.budstikke.billing.usage-booked.v1": billing.UsageBooked,
    "no.budstikke.billing.usage-written-off.v1": billing.UsageWrittenOff,
    "no.budstikke.billing.invoice-issued.v1": billing.InvoiceIssued,
    "no.budstikke.billing.period-closed.v1": billing.PeriodClosed,
    "no.budstikke.config.opt-out-requested.v1": inbound.OptOutRequested,
    "no.budstikke.sms.message-received.v1": inbound.MessageReceived,
    "no.budstikke.sms.inbound-routed.v1": inbound.InboundRouted,
    "no.budstikke.premium.premium-ordered.v1": premium.PremiumOrdered,
    "no.budstikke.premium.premium-changed.v1": premium.PremiumChanged,
    "no.budstikke.premium.one-time-password-changed.v1": premium.OneTimePasswordChanged,
    "no.budstikke.billing.settlement-stated.v1": settlements.SettlementStated,
    "no.budstikke.billing.settlement-received.v1": settlements.SettlementReceived,
    "no.budstikke.billing.payout-decided.v1": settlements.PayoutDecided,
    "no.budstikke.billing.refund-changed.v1": settlements.RefundChanged,
    "no.budstikke.privacy.privacy-ordered.v1": privacy.PrivacyOrdered,
    "no.budstikke.privacy.privacy-answered.v1": privacy.PrivacyAnswered,
    "no.budstikke.privacy.legal-hold-changed.v1": privacy.LegalHoldChanged,
}
"""Every event type that may stand in a `ce_type`, with its struct. A released version never changes."""

_NAME_OF: Final = {struct: name for name, struct in TYPES.items()}
_DECODERS: Final = {name.encode(): msgspec.json.Decoder(struct) for name, struct in TYPES.items()}
_FAMILIES: Final = {name.rpartition(".v")[0].encode() for name in TYPES}


class Writer:
    """Encodes events of one role."""

    def __init__(self, source: str) -> None:
        """`source` is `/budstikke/<service>/<role>`."""
        self._fixed = {struct: fixed_headers(source, name) for struct, name in _NAME_OF.items()}
        self._encode = msgspec.json.Encoder().encode
        self._time: datetime | None = None
        self._stamp = b""

    def output(
        self,
        topic: str,
        partition: int,
        event: Event,
        *,
        event_id: str,
        time: datetime,
        subject: str,
        key: str | None = None,
        traceparent: bytes | None = None,
    ) -> Output:
        """One record, ready to send. The key is the subject unless another is given."""
        return Output(
            topic=topic,
            partition=partition,
            key=(subject if key is None else key).encode(),
            value=self._encode(event),
            headers=self.headers(event, event_id, time, subject, traceparent),
        )

    def headers(
        self, event: Event, event_id: str, time: datetime, subject: str, traceparent: bytes | None = None
    ) -> Headers:
        """The headers of one event."""
        if time is not self._time:  # a batch has one, and writing it takes as long as all the rest of this
            self._time, self._stamp = time, stamp(time)
        return headers_of(self._fixed[type(event)], event_id, self._stamp, subject, traceparent)


def read(record: Record) -> Event:
    """Decode a record by its `ce_type`.

    Raises `BadRecord`: `missing_header`, `unknown_event_type`, `unknown_event_version`, `empty_value`, `bad_payload`.
    The error names the place, never the content.
    """
    return _decoded(record, _DECODERS)


def _decoded(record: Record, decoders: Mapping[bytes, msgspec.json.Decoder[S]]) -> S:
    name = header(record, TYPE)
    if name is None:
        raise BadRecord("missing_header", f"the record has no header {TYPE}")
    decoder = decoders.get(name)
    if decoder is None:
        if name in _DECODERS:
            raise _unexpected()
        if name.rpartition(b".v")[0] in _FAMILIES:
            raise BadRecord("unknown_event_version", "this version of the event is not known here")
        raise BadRecord("unknown_event_type", "this type of event is not known here")
    if not record.value:
        raise BadRecord("empty_value", "the record has no value")
    try:
        return decoder.decode(record.value)
    except msgspec.ValidationError as error:
        raise BadRecord("bad_payload", _place(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRecord("bad_payload", "the value is not valid JSON in UTF-8") from None
    except RecursionError:
        raise BadRecord("bad_payload", "the value is nested too deeply") from None


class Reader:
    """`read`, narrowed to the types that a stage expects."""

    def __init__(self, *expected: type[Event]) -> None:
        self._expected = expected

    def __call__(self, record: Record) -> Event:
        """Decode; a type that does not belong on this topic is a `BadRecord` (`unexpected_event_type`)."""
        event = read(record)
        if type(event) not in self._expected:
            raise _unexpected()
        return event


class Excerpt(Generic[S]):
    """Reads of some types of events what one struct for each names, and skips the rest: half the cost of `read`.

    What is skipped is not judged: for who needs little of many events, beside others who read all of them.
    """

    def __init__(self, structs: Mapping[type[Event], type[S]]) -> None:
        self._decoders = {_NAME_OF[event].encode(): msgspec.json.Decoder(struct) for event, struct in structs.items()}

    def __call__(self, record: Record) -> S:
        """Decode one record. Raises `BadRecord` as `Reader` does."""
        return _decoded(record, self._decoders)


def only(expected: type[E], record: Record) -> E:
    """`read` for a topic that holds one type."""
    event = read(record)
    if type(event) is not expected:
        raise _unexpected()
    return event


def _unexpected() -> BadRecord:
    return BadRecord("unexpected_event_type", "this type of event does not belong on this topic")


def _place(message: str) -> str:
    """What a msgspec error says of the place and the expected type.

    Of what was read it quotes an enum's value alone, which may hold anything: only what follows its last dash is kept.
    """
    if message.startswith("Invalid enum value"):
        return "a value is not one of its set - " + message.rpartition(" - ")[2]
    return message
