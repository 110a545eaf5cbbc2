"""aiokafka's errors as ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors

from shared.errors import BudstikkeError, Fatal, TryLater
from shared.kafka.port import Fenced, ProducerLost

_NOT_AUTHORISED = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.AuthenticationFailedError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
)
_FENCED = (errors.ProducerFenced, errors.InvalidProducerEpoch)
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.RecordTooLargeError)
_FINAL = {errors.OffsetOutOfRangeError: "offset_out_of_range", errors.ConsumerStoppedError: "consumer_closed"}


def translate(error: BaseException, doing: str, unavailable: type[TryLater] = TryLater) -> BudstikkeError:
    """What the caller has to do about a library error; `doing` says what was tried, never with what content.

    Errors that are neither final nor refusals become `unavailable`.
    """
    detail = f"{doing}: {type(error).__name__} {error}".rstrip()
    if isinstance(error, _NOT_AUTHORISED):
        return Fatal("kafka_not_authorised", detail)
    if isinstance(error, _TOO_LARGE):
        return Fatal("kafka_record_too_large", f"{detail}; raise max.message.bytes of the topic, or fetch_bytes")
    if isinstance(error, _FENCED):
        return Fenced("kafka_fenced", detail)
    for kind, code in _FINAL.items():
        if isinstance(error, kind):
            return Fatal(code, detail)
    return unavailable("kafka_unavailable", detail)


@contextmanager
def translated(doing: str, unavailable: type[TryLater] = TryLater) -> Iterator[None]:
    """Turn what the library raises inside into ours. Illegal states are asserts in aiokafka, so those count too."""
    try:
        yield
    except (TimeoutError, errors.KafkaError, AssertionError, OSError) as error:
        raise translate(error, doing, unavailable) from error
    except asyncio.InvalidStateError as error:
        raise ProducerLost("kafka_unavailable", f"{doing}: {error}") from error
