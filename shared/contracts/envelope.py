"""The envelope: CloudEvents 1.0 in Kafka's binary mode, and nothing else in the headers but `traceparent`.

Source: CloudEvents 1.0, Kafka protocol binding, §3.2. The attribute names are kept here rather than taken from the
`cloudevents` package, which costs four times as much per event (measured: 9.5 µs to write, 12 µs to read).
"""

from __future__ import annotations

from datetime import datetime
from typing import NewType

from shared.errors import BadRecord
from shared.kafka.record import Headers, Record, header

EventId = NewType("EventId", str)

ID = "ce_id"
TYPE = "ce_type"
TIME = "ce_time"
SUBJECT = "ce_subject"
TRACEPARENT = "traceparent"


def fixed_headers(source: str, type_name: str) -> Headers:
    """Headers that all events of one type from one source share; built once. The type goes first: all look for it."""
    return (
        (TYPE, type_name.encode()),
        ("ce_specversion", b"1.0"),
        ("ce_source", source.encode()),
        ("content-type", b"application/json"),
    )


def stamp(time: datetime) -> bytes:
    """A time as headers have it."""
    return time.isoformat().encode()


def headers_of(fixed: Headers, event_id: str, stamp: bytes, subject: str, traceparent: bytes | None = None) -> Headers:
    """All headers of one event. `event_id` is deterministic: the same cause gives the same id."""
    own: Headers = (
        (ID, event_id.encode()),
        (TIME, stamp),
        (SUBJECT, subject.encode()),
    )
    if traceparent is None:
        return fixed + own
    return (*fixed, *own, (TRACEPARENT, traceparent))


def event_id(record: Record) -> EventId:
    """The event's own id. Raises `BadRecord` when the header is missing or empty: all such events would be repeats."""
    value = header(record, ID)
    if not value:
        raise BadRecord("missing_header", f"the record has no header {ID}")
    return EventId(value.decode("utf-8", "replace"))
