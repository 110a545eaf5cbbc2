"""Operators that refuse, fail to deliver, take their time or misbehave."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.support import wait_until

INVALID_DESTINATION = 0x0B
INVALID_SOURCE = 0x0A
SUBMIT_FAILED = 0x45


@pytest.mark.parametrize("status", [INVALID_DESTINATION, INVALID_SOURCE, SUBMIT_FAILED])
async def test_a_message_that_the_operator_refuses_has_failed_and_costs_nothing(
    api: Customer, fjord: Smsc, numbers: Numbers, status: int
) -> None:
    to = numbers.norwegian()
    await fjord.behave(refuse_status=status)
    message = await api.until(await api.send_one(to, "Hei"), "failed")
    assert message["final"]
    assert message["reason"]
    assert message["charge"] is None
    assert message["part_states"][0]["operator_code"] == f"0x{status:08x}"
    assert await fjord.taken_for(to) == []


async def test_a_refusal_of_one_operator_is_none_of_the_other(
    api: Customer, fjord: Smsc, tinde: Smsc, numbers: Numbers
) -> None:
    await fjord.behave(refuse_status=INVALID_DESTINATION)
    verdicts = await api.send([numbers.norwegian(), numbers.swedish()], "Hei")
    states = await api.settled([verdict["id"] for verdict in verdicts])
    assert [states[verdict["id"]] for verdict in verdicts] == ["failed", "delivered"]


@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        ("undeliverable", "undelivered"),
        ("rejected", "undelivered"),
        ("deleted", "undelivered"),
        ("expired", "expired"),
    ],
)
async def test_a_receipt_that_says_no_is_the_end_of_a_message_that_is_charged(
    api: Customer, fjord: Smsc, numbers: Numbers, receipt: str, state: str
) -> None:
    await fjord.behave(receipt_state=receipt, receipt_err="001")
    message = await api.until(await api.send_one(numbers.norwegian(), "Hei"), state)
    assert message["reason"]
    assert message["charge"] == {"parts": 1, "country": "NO"}
    assert message["part_states"][0]["operator_code"] == "001"


async def test_a_slow_operator_delays_its_messages_and_loses_none(api: Customer, fjord: Smsc, numbers: Numbers) -> None:
    await fjord.behave(response_delay_ms=400, receipt_delay_ms=1_500)
    to = [numbers.norwegian() for _ in range(120)]
    verdicts = await api.send(to, "Hei")
    states = await api.settled([verdict["id"] for verdict in verdicts])
    assert Counter(states.values()) == {"delivered": len(to)}
    assert len(await fjord.taken_for(*to)) == len(to)


async def test_a_message_rests_as_submitted_until_a_late_receipt_comes(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    await fjord.behave(receipts="never")
    message_id = await api.send_one(to, "Hei")
    submitted = await api.until(message_id, "submitted")
    assert not submitted["final"]
    assert submitted["charge"] == {"parts": 1, "country": "NO"}
    (taken,) = await fjord.taken_for(to)
    await fjord.report(taken, "ENROUTE")
    await api.until(message_id, "buffered")
    await fjord.report(taken)
    await api.delivered(message_id)


async def test_receipts_that_come_twice_or_contradict_the_first_change_nothing(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    message_id = await api.send_one(to, "Hei")
    delivered = await api.delivered(message_id)
    (taken,) = await fjord.taken_for(to)
    for state in ("DELIVRD", "UNDELIV", "ENROUTE"):
        await fjord.report(taken, state)
    later = numbers.norwegian()
    await api.delivered(await api.send_one(later, "Etterpå"))

    async def all_taken() -> bool:
        return (await fjord.counters())["receipts_pending"] == 0

    await wait_until(all_taken, 30.0, waiting_for="every receipt to be taken")
    message = await api.get(message_id)
    assert (message["state"], message["history"]) == ("delivered", delivered["history"])


async def test_a_receipt_that_overtakes_its_answer_is_a_delivery_all_the_same(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    await fjord.behave(response_delay_ms=500, receipt_delay_ms=0)
    message = await api.delivered(await api.send_one(numbers.norwegian(), "Hei"), deadline=8.0)
    assert message["charge"] == {"parts": 1, "country": "NO"}


@pytest.mark.parametrize(("answered", "reported"), [("decimal", "hex"), ("hex", "decimal"), ("hex", "hex")])
async def test_an_id_that_the_operator_writes_in_two_ways_is_one_id(
    api: Customer, fjord: Smsc, numbers: Numbers, answered: str, reported: str
) -> None:
    await fjord.behave(id_format=answered, receipt_id_format=reported)
    await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))
