"""A password is told once a broker has heard of it, and never lost when nobody can say so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest.clients import access
from services.ingest.clients.access import BrokerAccess

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.errors import KafkaConnectionError  # type: ignore[import-untyped]

USER = "client-acme"


class Broker:
    """Stands in for the library's client: tells what it has heard, look by look."""

    def __init__(self, looks: Iterator[bool | Exception]) -> None:
        self._looks = looks
        self.asked = 0
        self.set: int | None = None

    def describe_user_scram_credentials(self, users: list[str]) -> dict[str, Any]:
        self.asked += 1
        look = next(self._looks)
        if isinstance(look, Exception):
            raise look
        return {user: {"credential_infos": [{"iterations": self.set if look else 8192}]} for user in users}

    def alter_user_scram_credentials(self, changes: list[Any]) -> dict[str, None]:
        self.set = changes[0].iterations
        return {USER: None}


def over(broker: Broker) -> BrokerAccess:
    users = object.__new__(BrokerAccess)
    users._admin = broker
    return users


def test_it_is_told_at_the_first_look_that_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_LOOK_SECONDS", 0.0)
    broker = Broker(iter([False, False, False, True]))
    over(broker).set_password(USER, "secret")
    assert broker.asked == 4


def test_a_broker_that_does_not_say_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_LOOK_SECONDS", 0.0)
    broker = Broker(iter([False, KafkaConnectionError(), True]))
    over(broker).set_password(USER, "secret")
    assert broker.asked == 3


def test_what_is_set_is_told_though_no_broker_ever_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_HEARD_SECONDS", 0.0)
    broker = Broker(iter([False, False]))
    over(broker).set_password(USER, "secret")
    assert broker.set is not None


def test_the_same_number_of_rounds_is_never_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access.secrets, "randbelow", lambda _: 0)
    broker = Broker(iter([False, True]))
    over(broker).set_password(USER, "secret")
    assert broker.set == 8193
