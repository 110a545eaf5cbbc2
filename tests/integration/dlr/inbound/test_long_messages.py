"""Long messages, from their parts to all that follows, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.contracts.events import SendRequested
from shared.contracts.inbound import InboundAction, InboundCoding, InboundRouted
from shared.errors import BadRecord, TryLater
from shared.ids import GATEWAY
from shared.kafka.record import Output
from shared.privacy.keys import FileKeyStore, Quarter
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.inbound.driving import ACME, PATIENCE, Handset, Life, ids, later, told
from tests.unit.dlr.building import START

UCS2 = InboundCoding.UCS2
PIZZA = (b"pizza med ", b"ananas og ", b"skinke")
WHOLE = "pizza med ananas og skinke"


def parts(handset: Handset, octets: Iterable[bytes] = PIZZA, name: str = "a", **fields: Any) -> list[Output]:
    """The parts of a message, each as the operator delivers it however often."""
    octets = list(octets)
    return [
        handset.part(each, number, len(octets), delivered_as=f"{name}{number}".rjust(32, "0"), **fields)
        for number, each in enumerate(octets, 1)
    ]


def routed(outbox: Outbox) -> list[InboundRouted]:
    return [event for event in told(outbox.sent, InboundRouted) if isinstance(event, InboundRouted)]


def text(life: Life, event: InboundRouted) -> str:
    opened = life.sealer.open(ACME, event.inbound_id, "content", event.content)
    assert isinstance(opened, str)
    return opened


async def swept(life: Life) -> None:
    life.clock.advance(PATIENCE.total_seconds())
    await life.sweeper.sweep()


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_parts_become_one_message_in_whatever_order_they_come(
    life: Life, handset: Handset, outbox: Outbox, order: tuple[int, ...]
) -> None:
    await life.number()
    await life.keyword("pizza med ananas")
    deliveries = parts(handset)

    for number in order:
        assert len(await life.handle([deliveries[number]])) == 1

    (event,), (reply,) = routed(outbox), told(outbox.sent, SendRequested)
    assert (text(life, event), event.keyword, event.parts, event.missing_parts) == (WHOLE, "pizza med ananas", 3, ())
    assert isinstance(reply, SendRequested)
    assert event.reply_id == reply.message_id


async def test_parts_in_one_batch_with_repeats_and_among_others(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    first, second, third = parts(handset)

    await life.handle([third, handset.says("hei"), third, first, second, first])
    await life.handle([second, first, third])

    assert [text(life, event) for event in routed(outbox)] == ["hei", WHOLE]
    assert len(await life.store.messages_of(ACME, None, 10)) == 2


async def test_messages_of_two_senders_two_numbers_and_two_references_do_not_mix(
    life: Life, handset: Handset, outbox: Outbox, keys: FileKeyStore
) -> None:
    await life.number()
    await life.number("2013")
    other = Handset(keys, "+4790000002")
    messages = [
        parts(handset, [b"a1", b"a2"], "a"),
        parts(other, [b"b1", b"b2"], "b"),
        parts(handset, [b"c1", b"c2"], "c", to="2013"),
        parts(handset, [b"d1", b"d2"], "d", reference=8),
        parts(handset, [b"e1", b"e2", b"e3"], "e"),
    ]

    await life.handle([message[0] for message in messages])
    await life.handle([each for message in reversed(messages) for each in message[1:]])

    assert {text(life, event) for event in routed(outbox)} == {"a1a2", "b1b2", "c1c2", "d1d2", "e1e2e3"}


async def test_a_character_cut_between_two_parts_is_whole_again(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    octets = "på 😀".encode("utf-16-be")

    await life.handle(parts(handset, [octets[:8], octets[8:]], coding=UCS2))

    (event,) = routed(outbox)
    assert (text(life, event), event.coding) == ("på 😀", UCS2)


async def test_octets_that_are_no_text_are_all_kept(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.handle(parts(handset, [b"\xd8\x3d", b"hi"], coding=UCS2))
    (event,) = routed(outbox)
    assert (text(life, event), event.coding) == ("d83d6869", InboundCoding.BINARY)


async def test_a_part_that_never_comes_is_told_as_missing_in_due_time(
    life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("pizza")
    first, _, third = parts(handset)
    await life.handle([first, third])

    await life.sweeper.sweep()
    assert outbox.sent == []
    await swept(life)

    (event,) = routed(outbox)
    assert (text(life, event), event.parts, event.missing_parts) == ("pizza med skinke", 3, (2,))
    assert event.action is InboundAction.REPLY
    assert life.registry.get_sample_value("budstikke_inbound_long_messages_total", {"outcome": "incomplete"}) == 1
    await swept(life)
    assert len(routed(outbox)) == 1


async def test_without_its_beginning_a_message_asks_for_nothing(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.keyword("ananas")
    await life.handle(parts(handset)[1:])

    await swept(life)

    (event,) = routed(outbox)
    assert (event.action, event.missing_parts) == (InboundAction.NONE, (1,))


async def test_a_part_that_comes_too_late_is_told_by_itself_and_its_repeat_is_nothing(
    life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    first, second, third = parts(handset)
    await life.handle([first, third])
    await swept(life)

    await life.handle([second, first, third, second])
    await swept(life)

    assert [(text(life, event), event.missing_parts) for event in routed(outbox)] == [
        ("pizza med skinke", (2,)),
        ("ananas og ", (1, 3)),
    ]


async def test_a_reference_used_again_begins_another_message(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    old, new = parts(handset, [b"a1", b"a2"], "a"), parts(handset, [b"b1", b"b2"], "b")

    await life.handle([old[0], *new])

    assert [(text(life, event), event.missing_parts) for event in routed(outbox)] == [("a1", (2,)), ("b1b2", ())]


async def test_parts_over_two_binds_and_two_processes_meet(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    first, second, third = parts(handset)

    await life.handle([first])
    await live().handle([third])
    await live().handle([second])

    assert [text(life, event) for event in routed(outbox)] == [WHOLE]


async def test_a_message_written_over_new_year_is_whole(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    midnight = datetime(START.year + 1, 1, 1, tzinfo=UTC)
    life.clock.advance((midnight - START).total_seconds())
    eve, day = later(midnight, seconds=-1), later(midnight, seconds=1)

    await life.handle([parts(handset, [b"godt ", b"nytt"], after=eve)[0]])
    await life.handle([parts(handset, [b"godt ", b"nytt"], after=day)[1]])
    await life.handle([parts(handset, [b"godt ", b"nytt"], after=day)[0]])

    assert [text(life, event) for event in routed(outbox)] == ["godt nytt"]


_STEPS = ("parts.save", "store.keep", "store.mark_told", "parts.save again")


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("acted", [False, True])
async def test_killed_anywhere_the_successor_loses_nothing_and_doubles_nothing(
    life: Life,
    live: Callable[[], Life],
    handset: Handset,
    outbox: Outbox,
    step: str,
    acted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each step of the last part's way fails before it acts, or after."""
    await life.number()
    await life.keyword("pizza")
    first, second, third = parts(handset)
    await life.handle([first, second])
    owner = getattr(life, step.split(".")[0])
    name = step.split(".")[1].split(" ")[0]
    act, calls = getattr(owner, name), 0

    async def dying(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < (2 if step.endswith("again") else 1):
            return await act(*given)
        if acted:
            await act(*given)
        raise TryLater("mongodb_unavailable", "killed here")

    monkeypatch.setattr(owner, name, dying)
    with pytest.raises(TryLater):
        await life.handle([third])
    assert calls > 0

    await live().handle([third])
    await swept(live())

    assert {text(life, event) for event in routed(outbox)} == {WHOLE}
    assert len(set(ids(outbox.sent))) == 2
    assert len(await life.store.messages_of(ACME, None, 10)) == 1
    waiting = await life.parts.due(life.clock.now() + timedelta(days=1), 10)
    assert waiting == []


async def test_what_was_given_up_by_a_process_that_died_is_handed_on_by_the_next(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.handle(parts(handset)[:1])
    outbox.broken = True
    await swept(life)

    outbox.broken = False
    successor = live()
    successor.clock.advance(2 * PATIENCE.total_seconds())
    await successor.sweeper.sweep()

    assert [text(life, event) for event in routed(outbox)] == ["pizza med "]


async def test_of_two_processes_on_the_same_parts_one_comes_again(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    first, second, third = parts(handset)
    rival = live()
    load = rival.parts.load

    async def slow(names: Any) -> Any:
        found = await load(names)
        rival.parts.load = load  # type: ignore[method-assign]
        await life.handle([first, second])
        return found

    rival.parts.load = slow  # type: ignore[method-assign]
    with pytest.raises(TryLater, match="joined_elsewhere"):
        await rival.handle([third])
    await rival.handle([third])

    assert [text(life, event) for event in routed(outbox)] == [WHOLE]


async def test_nothing_that_waits_is_in_the_clear_and_what_was_handed_on_is_gone(
    life: Life, handset: Handset, mongo: Any
) -> None:
    await life.number()
    await life.handle(parts(handset)[:1])
    (row,) = await mongo.database["inbound_parts"].find().to_list(None)
    assert "90000001" not in repr(row)
    assert PIZZA[0].hex() not in repr(row)
    assert b"pizza" not in repr(row).encode()
    assert row["forget_at"] - life.clock.now() == timedelta(days=7)

    await swept(life)

    (row,) = await mongo.database["inbound_parts"].find().to_list(None)
    assert "content" not in repr(row)


async def test_parts_whose_key_was_destroyed_are_forgotten(
    life: Life, handset: Handset, outbox: Outbox, keys: FileKeyStore, live: Callable[[], Life]
) -> None:
    await life.number()
    await life.handle(parts(handset)[:2])
    keys.destroy(GATEWAY, Quarter((START.year - 2000) * 4 + (START.month - 1) // 3))

    successor = live()
    await swept(successor)

    assert outbox.sent == []
    assert successor.counted("erased") == 1
    assert await life.parts.due(later_than(life), 10) == []


def later_than(life: Life) -> datetime:
    return life.clock.now() + timedelta(days=1)


async def test_a_part_that_is_none_is_for_the_dead_letters(life: Life, handset: Handset, mongo: Any) -> None:
    for bad in (handset.part(b"x", 3, 2), handset.part(b"x", 1, 300)):
        with pytest.raises(BadRecord, match="none of so many"):
            await life.handle([bad])
    assert await mongo.database["inbound_parts"].count_documents({}) == 0
