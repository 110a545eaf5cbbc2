"""What all aiokafka clients of ours have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import aiokafka
from aiokafka.structs import OffsetAndMetadata

from shared.kafka.port import Mark
from shared.kafka.record import TopicPartition
from shared.kafka.settings import KafkaSettings

_UNWINDING = 0.5
"""Seconds for what is cancelled to come to its end."""


def options(settings: KafkaSettings) -> dict[str, Any]:
    """Constructor arguments for address, security and patience."""
    chosen: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap.split(","),
        "client_id": settings.client_id,
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "ssl_context": settings.tls,
    }
    encryption = "PLAINTEXT" if settings.tls is None else "SSL"
    if settings.credentials is None:
        return chosen | {"security_protocol": encryption}
    return chosen | {
        "security_protocol": f"SASL_{encryption}",
        "sasl_mechanism": settings.credentials.mechanism,
        "sasl_plain_username": settings.credentials.username,
        "sasl_plain_password": settings.credentials.password,
    }


def address_of(settings: KafkaSettings) -> str:
    """Where a client connects to and as whom, for messages: to the library a refused log-in is a dead address."""
    who = "" if settings.credentials is None else f" as {settings.credentials.username}, if the password is right"
    return f"{settings.bootstrap} (BUDSTIKKE_KAFKA){who}"


def offsets_of(marks: Mapping[TopicPartition, Mark]) -> dict[aiokafka.TopicPartition, OffsetAndMetadata]:
    """Marks as the library takes them."""
    return {aiokafka.TopicPartition(*place): OffsetAndMetadata(mark.offset, mark.note) for place, mark in marks.items()}


async def ended(work: Awaitable[object], timeout: float) -> bool:
    """Wait for a part of a client to close. False when it did not in time, or failed while closing: it is cancelled.

    The library swallows a cancellation while it closes and goes on to wait for its connections, so the limit does not
    rest on one: what does not end then is left behind. A client that fails while it is being thrown away is as closed
    as it will ever be.
    """
    closing = asyncio.ensure_future(work)
    try:
        await asyncio.wait([closing], timeout=timeout)
    finally:
        closing.cancel()
    await asyncio.wait([closing], timeout=_UNWINDING)
    if not closing.done():
        closing.add_done_callback(_failed)
        return False
    return not _failed(closing)


def _failed(closing: asyncio.Future[object]) -> bool:
    """Whether it failed; also looks at the error, for asyncio reports those that nobody looks at."""
    return closing.cancelled() or closing.exception() is not None
