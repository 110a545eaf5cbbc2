"""One message, from the door to the handset, as its customer sees it."""

from __future__ import annotations

from datetime import datetime

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc, text_of

WAY = ["accepted", "queued", "submitted", "delivered"]


async def test_a_message_is_accepted_queued_submitted_and_delivered(
    api: Customer, fjord: Smsc, tinde: Smsc, numbers: Numbers
) -> None:
    await fjord.behave(receipts="never")  # one that comes at once may be read before the submit: a legal jump
    to = numbers.norwegian()
    (taken_over,) = await api.send(to, "Koden din er 1234", category="otp", reference="ordre-7")
    assert {name: taken_over[name] for name in ("to", "state", "parts", "coding", "price", "error")} == {
        "to": to,
        "state": "accepted",
        "parts": 1,
        "coding": "gsm7",
        "price": None,
        "error": None,
    }
    await api.until(taken_over["id"], "submitted")
    (submitted,) = await fjord.taken_for(to)
    await fjord.report(submitted)
    message = await api.delivered(taken_over["id"])
    assert [step["state"] for step in message["history"]] == WAY
    times = [datetime.fromisoformat(step["at"]) for step in message["history"]]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)
    assert (message["id"], message["to"], message["from"]) == (taken_over["id"], to, "Budstikke")
    assert (message["text"], message["reference"]) == ("Koden din er 1234", "ordre-7")
    assert (message["final"], message["lane"], message["category"]) == (True, "express", "otp")
    assert message["charge"] == {"parts": 1, "country": "NO"}
    assert await fjord.taken_for(to) == [submitted]
    assert submitted["source"] == "Budstikke"
    assert submitted["data_coding"] == 0
    assert submitted["registered_delivery"] == 1
    assert (submitted["udh"], submitted["duplicate"]) == ("", False)
    assert text_of([submitted]) == "Koden din er 1234"
    assert await tinde.taken_for(to) == []


async def test_a_sender_that_is_named_is_the_one_that_the_operator_gets(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    await api.delivered(await api.send_one(to, "Hei", **{"from": "Blåklokke"}))
    (submitted,) = await fjord.taken_for(to)
    assert submitted["source"] == "Blåklokke"


async def test_the_country_decides_the_operator(api: Customer, fjord: Smsc, tinde: Smsc, numbers: Numbers) -> None:
    at_home, abroad = numbers.norwegian(), numbers.swedish()
    verdicts = await api.send([at_home, abroad], "Hei på deg")
    for verdict in verdicts:
        await api.delivered(verdict["id"])
    assert (len(await fjord.taken_for(at_home)), len(await fjord.taken_for(abroad))) == (1, 0)
    assert (len(await tinde.taken_for(at_home)), len(await tinde.taken_for(abroad))) == (0, 1)
    assert (await api.get(verdicts[1]["id"]))["part_states"][0]["operator"] == "tinde"


async def test_the_same_number_named_twice_is_sent_twice(api: Customer, fjord: Smsc, numbers: Numbers) -> None:
    to = numbers.norwegian()
    verdicts = await api.send([to, to], "To ganger")
    assert verdicts[0]["id"] != verdicts[1]["id"]
    await api.settled([verdict["id"] for verdict in verdicts])
    assert len(await fjord.taken_for(to)) == 2
