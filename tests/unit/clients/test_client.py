"""Calls over HTTP: repeated safely, refused with reasons, followed to the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from budstikke_client import AsyncClient, Client, Refused, Unavailable, WaitTimeout
from budstikke_client.calls import Patience

ACCEPTED = {
    "messages": [
        {
            "id": "m1",
            "to": "+4790000001",
            "state": "accepted",
            "parts": 1,
            "coding": "gsm7",
            "price": None,
            "error": None,
        },
        {
            "id": None,
            "to": "12",
            "state": "rejected",
            "parts": None,
            "error": {"code": "too_short", "message": "short"},
        },
    ],
    "new_member": True,
}
QUICK = Patience(attempts=3, first=0.01, longest=0.02)


class Gateway:
    """Answers as it is told, one after the other, the last one for ever; keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(self))
        return Client("http://gateway", "bsk_key", patience=QUICK, http=http, sleep=self.slept.append)


def said(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_message_is_sent_with_the_key_and_a_verdict_comes_for_each_recipient() -> None:
    gateway = Gateway(said(202, ACCEPTED))
    good, bad = gateway.client().send(["+4790000001", "12"], "Hei", sender="Meg", category="otp")
    (request,) = gateway.asked
    assert request.url == "http://gateway/v1/messages"
    assert request.headers["authorization"] == "Bearer bsk_key"
    assert json.loads(request.content) == {"to": ["+4790000001", "12"], "text": "Hei", "from": "Meg", "category": "otp"}
    assert (good.id, good.accepted) == ("m1", True)
    assert (bad.error, bad.accepted) == ("too_short", False)


def test_a_send_is_repeated_under_one_key_until_it_is_answered() -> None:
    gateway = Gateway(httpx.ConnectError("away"), said(503, {"code": "unavailable"}), said(202, ACCEPTED))
    gateway.client().send("+4790000001", "Hei")
    keys = {request.headers["idempotency-key"] for request in gateway.asked}
    assert (len(gateway.asked), len(keys)) == (3, 1)
    assert len(gateway.slept) == 2


def test_two_sends_are_two_requests() -> None:
    gateway = Gateway(said(202, ACCEPTED))
    client = gateway.client()
    client.send("+4790000001", "Hei")
    client.send("+4790000001", "Hei")
    assert len({request.headers["idempotency-key"] for request in gateway.asked}) == 2


def test_the_gateways_wish_for_patience_is_heard() -> None:
    gateway = Gateway(said(429, {"code": "rate_limited"}, retry_after="7"), said(202, ACCEPTED))
    gateway.client().send("+4790000001", "Hei")
    assert gateway.slept == [7.0]


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), said(500, {}), httpx.Response(502, text="<html>")])
def test_after_all_attempts_the_caller_has_the_key_to_go_on_with(answer: httpx.Response | Exception) -> None:
    gateway = Gateway(answer)
    with pytest.raises(Unavailable) as raised:
        gateway.client().send("+4790000001", "Hei", idempotency_key="order-1")
    assert raised.value.idempotency_key == "order-1"
    assert len(gateway.asked) == 3


def test_a_refusal_says_why_and_is_not_repeated() -> None:
    problem = {
        "type": "urn:x",
        "title": "Invalid request",
        "status": 422,
        "code": "invalid_request",
        "errors": [{"pointer": "/text", "code": "empty_text", "message": "the text is empty"}],
    }
    gateway = Gateway(said(422, problem))
    with pytest.raises(Refused) as raised:
        gateway.client().send("+4790000001", "")
    assert (raised.value.status, raised.value.code) == (422, "invalid_request")
    assert raised.value.errors[0].pointer == "/text"
    assert len(gateway.asked) == 1


def status(state: str, *, final: bool) -> httpx.Response:
    return said(200, {"id": "m1", "state": state, "final": final, "reference": "r", "history": []})


def test_waiting_ends_with_the_final_state() -> None:
    gateway = Gateway(status("accepted", final=False), status("queued", final=False), status("delivered", final=True))
    assert gateway.client().wait("m1").state == "delivered"
    assert len(gateway.slept) == 2


def test_waiting_gives_up_with_the_last_state() -> None:
    gateway = Gateway(status("queued", final=False))
    with pytest.raises(WaitTimeout) as raised:
        gateway.client().wait("m1", timeout=0.0)
    assert raised.value.status.state == "queued"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.send("+4790000001", "Hei"),
        lambda client: client.status("m1"),
    ],
)
async def test_the_calls_with_await_are_the_same(call: Callable[[AsyncClient], Any]) -> None:
    gateway = Gateway(
        httpx.ConnectError("away"), said(202, {**ACCEPTED, "id": "m1", "state": "queued", "final": False})
    )
    http = httpx.AsyncClient(transport=httpx.MockTransport(gateway))
    async with AsyncClient("http://gateway", "bsk_key", patience=QUICK, http=http) as client:
        await call(client)
    assert len(gateway.asked) == 2
