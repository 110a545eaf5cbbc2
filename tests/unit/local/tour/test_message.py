"""The first step of the tour sends one message and tells each state once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.terminal import Terminal
from deploy.local.tour.gateway import Gateway
from deploy.local.tour.message import follow, send, show
from shared.errors import Fatal

TOLD = {"BUDSTIKKE_API": "http://api", "BUDSTIKKE_KEY": "k", "BUDSTIKKE_STAFF_KEY": "s"}
ACCEPTED = {"state": "accepted", "at": "2026-01-01T12:00:00.000Z"}
QUEUED = {"state": "queued", "at": "2026-01-01T12:00:00.012Z"}
DELIVERED = {"state": "delivered", "at": "2026-01-01T12:00:00.540Z"}


def api(looks: list[list[dict[str, str]]], status: int = 202, sent: list[Any] | None = None) -> Gateway:
    """An API that takes a message and then shows one history after another; the last one is final."""
    left: Iterator[tuple[int, list[dict[str, str]]]] = iter(enumerate(looks, start=1))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            if sent is not None:
                sent.append(json.loads(request.content))
            taken: dict[str, Any] = {"messages": [{"id": "m1", "to": "x", "state": "accepted", "parts": 1}]}
            return httpx.Response(status, json=taken)
        number, history = next(left)
        return httpx.Response(200, json={"id": "m1", "final": number == len(looks), "history": history})

    return Gateway(TOLD, httpx.MockTransport(answer))


def test_each_state_is_told_once_in_order() -> None:
    with api([[], [ACCEPTED], [ACCEPTED, QUEUED], [ACCEPTED, QUEUED, DELIVERED]]) as gateway:
        states = [step.state for step in follow(gateway, send(gateway, {}), 10)]
    assert states == ["accepted", "queued", "delivered"]


def test_the_log_s_own_time_of_a_state_is_no_second_state() -> None:
    by_the_log = ACCEPTED | {"at": "2026-01-01T11:59:59.972Z"}
    with api([[ACCEPTED], [by_the_log, DELIVERED]]) as gateway:
        states = [step.state for step in follow(gateway, "m1", 10)]
    assert states == ["accepted", "delivered"]


@pytest.mark.parametrize("test", [False, True])
def test_a_test_message_says_that_it_is_one(test: bool) -> None:
    sent: list[dict[str, Any]] = []
    with api([[DELIVERED]], sent=sent) as gateway:
        show(gateway, Terminal(environment={}), test=test)
    assert [message["test"] for message in sent] == [test]


def test_a_refused_message_fails_with_the_answer() -> None:
    with api([], status=401) as gateway, pytest.raises(Fatal, match="answered 401"):
        send(gateway, {})


def test_a_message_that_gets_nowhere_fails_after_the_deadline() -> None:
    with api([[ACCEPTED]] * 1000) as gateway, pytest.raises(Fatal, match=r"after 0\.1 s the message is still accepted"):
        list(follow(gateway, "m1", 0.1))
