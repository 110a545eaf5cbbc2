"""What the library raises, as the kit has it."""

from __future__ import annotations

import pytest
from aiokafka import errors

from shared.errors import Fatal, TryLater
from shared.kafka.aio.errors import translated
from shared.kafka.port import Fenced, ProducerLost


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (AssertionError("illegal state"), ProducerLost),
        (OSError("gone"), ProducerLost),
        (TimeoutError(), ProducerLost),
        (errors.KafkaTimeoutError(), ProducerLost),
        (errors.ProducerFenced(), Fenced),
        (errors.InvalidProducerEpoch(), Fenced),
        (errors.TransactionalIdAuthorizationFailed(), Fatal),
    ],
)
def test_an_error_of_the_library_says_what_becomes_of_the_producer(raised: Exception, ours: type[Exception]) -> None:
    with pytest.raises(ours) as caught, translated("commit", ProducerLost):
        raise raised
    assert type(caught.value) is ours
    assert str(caught.value).split(": ", 1)[1].startswith("commit: ")


def test_an_assertion_of_a_reader_is_patience_too() -> None:
    with pytest.raises(TryLater), translated("poll"):
        raise AssertionError
