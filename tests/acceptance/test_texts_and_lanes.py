"""Every lane, and texts of every kind: what a handset shows is what was sent."""

from __future__ import annotations

import pytest

from shared.contracts.words import LANE_OF, Category, Lane
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc, text_of
from tests.support import wait_until

EURO_AT_THE_BORDER = "a" * 152 + "€" + "b" * 200
"""The escape pair would lie across the end of the first part (153 septets), so it moves to the second."""
EMOJI_AT_THE_BORDER = "å" * 66 + "🙂" + "ß" * 60 + "👩‍👩‍👧‍👦" + "ж" * 30
"""The surrogate pair would lie across the end of the first part (67 units)."""


@pytest.mark.parametrize("lane", Lane)
async def test_a_message_is_delivered_on_every_lane(api: Customer, fjord: Smsc, numbers: Numbers, lane: Lane) -> None:
    message = await api.delivered(await api.send_one(numbers.norwegian(), f"På felt {lane}", lane=lane))
    assert message["lane"] == lane


@pytest.mark.parametrize("category", Category)
async def test_the_category_chooses_the_lane(api: Customer, fjord: Smsc, numbers: Numbers, category: Category) -> None:
    message = await api.delivered(await api.send_one(numbers.norwegian(), "Hei", category=category))
    assert (message["category"], message["lane"]) == (category, LANE_OF[category])


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [
        ("x" * 160, "gsm7", 1),
        ("x" * 161, "gsm7", 2),
        (EURO_AT_THE_BORDER, "gsm7", 3),
        ("Ærlig talt: {[~]} ^ \\ | €\nNy linje\r", "gsm7", 1),
        ("Ikke ‘GSM’ 😀", "ucs2", 1),
        ("ж" * 70, "ucs2", 1),
        ("ж" * 71, "ucs2", 2),
        (EMOJI_AT_THE_BORDER, "ucs2", 3),
    ],
    ids=lambda value: f"{len(value)} characters" if len(str(value)) > 8 else str(value),
)
async def test_the_handset_shows_the_text_that_was_sent(
    api: Customer, fjord: Smsc, numbers: Numbers, text: str, coding: str, parts: int
) -> None:
    to = numbers.norwegian()
    (verdict,) = await api.send(to, text)
    assert (verdict["coding"], verdict["parts"]) == (coding, parts)
    message = await api.delivered(verdict["id"])
    taken = await fjord.taken_for(to)
    assert len(taken) == parts
    assert text_of(taken) == text
    assert {part["data_coding"] for part in taken} == {8 if coding == "ucs2" else 0}
    assert all(part["registered_delivery"] == 1 for part in taken)
    assert [part["state"] for part in message["part_states"]] == ["delivered"] * parts
    assert message["charge"]["parts"] == parts


@pytest.mark.parametrize(("text", "coding"), [("Vises straks", 0x10), ("Vises straks ☂", 0x18)])
async def test_a_flash_message_is_of_class_0(
    api: Customer, fjord: Smsc, numbers: Numbers, text: str, coding: int
) -> None:
    to = numbers.norwegian()
    await api.delivered(await api.send_one(to, text, flash=True))
    (taken,) = await fjord.taken_for(to)
    assert taken["data_coding"] == coding
    assert text_of([taken]) == text


async def test_a_long_message_is_delivered_only_when_each_part_is(api: Customer, fjord: Smsc, numbers: Numbers) -> None:
    to = numbers.norwegian()
    await fjord.behave(receipts="never")
    message_id = await api.send_one(to, EURO_AT_THE_BORDER)
    submitted = await api.until(message_id, "submitted")
    assert [part["state"] for part in submitted["part_states"]] == ["submitted"] * 3
    for arrived, part in enumerate(await fjord.taken_for(to), 1):
        await fjord.report(part)

        async def there(arrived: int = arrived) -> bool:
            states = [one["state"] for one in (await api.get(message_id))["part_states"]]
            return states.count("delivered") == arrived

        await wait_until(there, 30.0, waiting_for=f"{arrived} delivered parts")
        assert (await api.get(message_id))["state"] == ("delivered" if arrived == 3 else "submitted")
