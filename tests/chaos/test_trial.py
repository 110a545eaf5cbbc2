"""A run sees what was broken on purpose: a gateway in memory that does one thing wrong, once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

import httpx
import msgspec
import pytest

from tests.chaos import judging, trial
from tests.chaos.faults import Fault
from tests.chaos.judging import Forgotten
from tests.chaos.system import ChaosSystem

Row = dict[str, Any]


class Gateway:
    """Takes each message, sends it and tells the customer so, at once; and is the operator and the customer as well."""

    def __init__(self) -> None:
        self.taken: list[Row] = []
        self.deliveries: list[Row] = []
        self.ended_alone: list[str] = []
        self.callback = "http://customer/told"
        self.door, self.operator, self.customer = (
            httpx.AsyncClient(base_url="http://budstikke", transport=httpx.MockTransport(answer))
            for answer in (self.post, self.show_operator, self.show_customer)
        )
        self.ids: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.usage: dict[str, int] = {}

    def post(self, request: httpx.Request) -> httpx.Response:
        key, body = request.headers["idempotency-key"], msgspec.json.decode(request.content)
        self.texts[body["to"]] = body["text"]
        if key not in self.ids:
            self.ids[key] = f"m{len(self.ids)}"
            self.pass_on(self.ids[key], body["to"], 2 if len(body["text"]) > 160 else 1)
        return httpx.Response(202, json={"messages": [{"id": self.ids[key]}]})

    def pass_on(self, message: str, number: str, parts: int) -> None:
        for part in range(1, parts + 1):
            self.take(number, part)
        self.tell(message)
        self.usage[message] = parts

    def take(self, number: str, part: int = 1) -> None:
        text, place = self.texts[number].encode().hex(), len(self.taken) + 1
        shown = {"destination": number.removeprefix("+"), "udh": f"05000301020{part}", "short_message": text}
        self.taken.append({"number": place, **shown})

    def tell(self, message: str, state: str = "delivered", event: int = 4) -> None:
        body = msgspec.json.encode({"id": f"{message}:{event}", "data": {"id": message, "state": state}}).decode()
        self.deliveries.append({"number": len(self.deliveries) + 1, "body": body})

    def show_operator(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/control":
            return httpx.Response(200, json={"counters": {"links_dropped": 0, "refused": 0}})
        return httpx.Response(200, json={"messages": self.taken[int(request.url.params["after"]) :]})

    def show_customer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"deliveries": self.deliveries[int(request.url.params["after"]) :]})

    async def whole(self) -> None:
        """It is."""

    async def counters(self) -> Row:
        return cast("Row", (await self.operator.get("/control")).json()["counters"])

    async def charged(self) -> dict[str, int]:
        return self.usage

    async def unrest(self) -> list[str]:
        """Nothing."""
        return []


Wrong = Callable[["Broken", str, str], None]
"""What is done instead with a message's id and its number."""


class Broken(Gateway):
    """Does something else with one message: the next of one part, once it is told to."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__()
        self.armed = False
        self._wrong = wrong

    def pass_on(self, message: str, number: str, parts: int) -> None:
        if self.armed and parts == 1:
            self.armed = False
            self._wrong(self, message, number)
        else:
            super().pass_on(message, number, parts)


def both(gateway: Broken, message: str, number: str) -> None:
    """As it should be."""
    gateway.take(number)
    gateway.tell(message)
    gateway.usage[message] = 1


def doubled(gateway: Broken, message: str, number: str) -> None:
    gateway.take(number)
    both(gateway, message, number)


def not_taken(gateway: Broken, message: str, _: str) -> None:
    gateway.tell(message)
    gateway.usage[message] = 1


def charged_twice(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.usage[message] = 2


def lost(_: Broken, __: str, ___: str) -> None:
    """Neither."""


def told_under_two_ids(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.tell(message, event=5)


def told_two_ends(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.tell(message, "failed")


def told_twice_of_one_event(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.tell(message)


def failed(gateway: Broken, message: str, number: str) -> None:
    gateway.take(number)
    gateway.tell(message, "failed")


def with_another_s_text(gateway: Broken, message: str, number: str) -> None:
    gateway.texts[number] = next(iter(gateway.texts.values()))
    both(gateway, message, number)


def taken_twice(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.tell(f"{message}-again")


def ends(gateway: Broken, message: str, number: str) -> None:
    both(gateway, message, number)
    gateway.ended_alone.append("dlr (1)")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing takes time there."""
    monkeypatch.setattr(judging, "_LOOK", 0.05)
    for name, seconds in {"_WARM": 0.01, "_BEFORE": (0.01, 0.02), "_AFTER": 0.2, "_QUIET": 0.3, "_LOOK": 0.01}.items():
        monkeypatch.setattr(trial, name, seconds)


async def run(gateway: Broken, say: Callable[[str], object] = lambda _: None, **fault: Any) -> list[tuple[str, ...]]:
    """What was found wrong of the one fault, and at the end."""

    async def act(_: ChaosSystem, __: Random) -> None:
        gateway.armed = True

    chaos = trial.Chaos(cast("ChaosSystem", gateway), 1, 300.0, say)
    return [row.wrong for row in await chaos([Fault("fault", act, **fault)], 1)]


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (both, ()),
        (told_twice_of_one_event, ()),
        (lost, ("P1: 1 lost", "P1: 1 without an end")),
        (not_taken, ("P1: 1 lost",)),
        (doubled, ("P3: 1 doubled",)),
        (told_under_two_ids, ("P5: 1 told twice",)),
        (told_two_ends, ("P5: 1 told twice",)),
        (with_another_s_text, ("1 with the text of another",)),
        (charged_twice, ("P9: 1 charged wrong",)),
        (failed, ("1 not delivered",)),
        (taken_twice, ("P4: 1 taken twice",)),
        (ends, ("dlr (1) ended by itself",)),
    ],
)
async def test_one_message_that_goes_wrong_is_seen(wrong: Wrong, found: tuple[str, ...]) -> None:
    during, at_the_end = await run(Broken(wrong))
    assert during == found
    assert at_the_end == tuple(each for each in found if each.startswith(("P1", "P3", "P5", "P9", "1 with")))


@pytest.mark.parametrize(("crashes", "found"), [(0, [(), ("P3: 1 doubled", "fault: P3: 1 doubled")]), (1, [(), ()])])
async def test_a_double_that_comes_after_its_fault_was_judged_is_seen(
    crashes: int, found: list[tuple[str, ...]]
) -> None:
    gateway = Broken(both)

    def late(_: str) -> None:
        gateway.take(f"+{gateway.taken[-1]['destination']}")

    assert await run(gateway, late, crashes=crashes) == found


async def test_where_the_operator_refuses_for_good_a_message_may_end_so() -> None:
    assert await run(Broken(failed), refuses=True) == [(), ()]


async def test_a_fault_that_came_to_nothing_is_named() -> None:
    (during, _) = await run(Broken(both), shows=("refused",))
    assert during == ("the fault came to nothing: refused",)


async def test_a_simulator_that_forgot_what_it_took_ends_the_run() -> None:
    def forget(gateway: Broken, message: str, number: str) -> None:
        gateway.take(number)
        both(gateway, message, number)
        del gateway.taken[-2]

    with pytest.raises(Forgotten):
        await run(Broken(forget))
