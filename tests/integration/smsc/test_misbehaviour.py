"""The simulated SMSC told to misbehave, one way at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from shared.clock import ManualClock
from shared.smpp.client import Bind
from shared.smpp.constants import ESME_RMSGQFUL, ESME_ROK, ESME_RSYSERR, ESME_RTHROTTLED
from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import id_candidates, parse
from shared.smpp.results import Accepted, Ending, Refused, SubmitResult, Unknown
from shared.smpp.settings import BindMode
from simulators.smsc.behaviour import Behaviour, Drop, IdFormat, ReceiptPolicy, decide, id_of
from simulators.smsc.pace import Pace
from simulators.smsc.smsc import Smsc
from tests.integration.smsc.conftest import Esme
from tests.support import wait_until


def message(number: int = 1) -> SubmitSm:
    return SubmitSm(source_addr=b"2077", destination_addr=b"479999%04d" % number, registered_delivery=1)


async def submitted(bind: Bind, count: int) -> list[SubmitResult]:
    """So many messages, all at once."""
    return list(await asyncio.gather(*(bind.submit(message(number + 1)) for number in range(count))))


def ids(esme: Esme) -> list[bytes]:
    """The ids of the receipts that came, in their order."""
    return [receipt.message_id for each in esme.delivered if (receipt := parse(each)) is not None]


def given(results: list[SubmitResult]) -> list[bytes]:
    """The ids that were given."""
    return [result.message_id for result in results if isinstance(result, Accepted)]


def lost(results: list[SubmitResult]) -> list[bool]:
    return [result == Unknown(Ending.LINK_LOST) for result in results]


async def test_above_so_many_in_a_second_it_throttles(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(throttle_above=0)
    assert await submitted(await esme.bind(), 2) == [Refused(ESME_RTHROTTLED)] * 2
    assert (smsc.counters.taken, smsc.counters.refused) == (0, 2)


def test_a_second_that_has_passed_makes_room() -> None:
    clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
    pace, behaviour = Pace(clock), Behaviour(throttle_above=2)
    statuses = [decide(behaviour, number, 0, pace.next()).status for number in range(1, 4)]
    clock.advance(1.0)
    statuses.append(decide(behaviour, 4, 0, pace.next()).status)
    assert statuses == [ESME_ROK, ESME_ROK, ESME_RTHROTTLED, ESME_ROK]


@pytest.mark.parametrize("status", [ESME_RMSGQFUL, ESME_RSYSERR])
async def test_every_so_many_are_refused_as_told(smsc: Smsc, esme: Esme, status: int) -> None:
    smsc.behaviour = Behaviour(refuse_status=status, refuse_every=2)
    results = await submitted(await esme.bind(), 4)
    assert [result == Refused(status) for result in results] == [False, True, False, True]


@pytest.mark.parametrize(("drop", "taken"), [(Drop.BEFORE, 2), (Drop.AFTER, 3)])
async def test_a_link_drops_in_the_midst_of_every_third_submit(smsc: Smsc, esme: Esme, drop: Drop, taken: int) -> None:
    smsc.behaviour = Behaviour(drop=drop, drop_every=3, response_delay_ms=10_000, receipts=ReceiptPolicy.NEVER)
    bind = await esme.bind()
    assert lost(await submitted(bind, 5)) == [True] * 5
    assert (smsc.counters.taken, smsc.counters.links_dropped, smsc.counters.sessions) == (taken, 1, 0)


async def test_the_receipt_of_a_submit_whose_answer_was_lost_comes_on_the_next_bind(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(drop=Drop.AFTER, receipt_delay_ms=0)
    assert lost(await submitted(await esme.bind(), 1)) == [True]
    await esme.bind()
    await wait_until(lambda: len(esme.delivered) == 1)


async def test_links_drop_on_command_with_half_of_what_is_in_flight_taken(
    smsc: Smsc, esme: Esme, http: httpx.AsyncClient
) -> None:
    smsc.behaviour = Behaviour(ignore_every=2, response_delay_ms=10_000)
    bind = await esme.bind()
    results = asyncio.ensure_future(submitted(bind, 10))
    await wait_until(lambda: smsc.counters.taken + smsc.counters.ignored == 10)
    assert (await http.delete("/links")).json() == {"dropped": 1}
    assert lost(await results) == [True] * 10
    assert smsc.counters.taken == 5


async def test_some_answers_are_later_than_the_others(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(late_ms=60, late_every=2)
    bind, order = await esme.bind(), list[int]()

    async def one(number: int) -> None:
        await bind.submit(message(number))
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(1, 5)))
    assert order == [1, 3, 2, 4]


async def test_early_receipts_come_before_their_answers(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_early_every=2, receipt_delay_ms=30_000)
    bind = await esme.bind()
    seen = []
    for number in (1, 2):
        await bind.submit(message(number))
        seen.append(len(esme.delivered))
    assert seen == [0, 1]


async def test_a_receipt_comes_as_often_as_told(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_times=3, receipt_again_ms=5, receipt_delay_ms=0)
    (result,) = await submitted(await esme.bind(), 1)
    await wait_until(lambda: len(esme.delivered) == 3)
    assert isinstance(result, Accepted)
    assert ids(esme) == [result.message_id] * 3


async def test_scattered_receipts_come_in_another_order(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_scatter_ms=100, receipt_delay_ms=0)
    results = await submitted(await esme.bind(), 10)
    await wait_until(lambda: len(esme.delivered) == 10)
    assert sorted(ids(esme)) == given(results)
    assert ids(esme) != given(results)


async def test_receipts_come_on_another_bind_than_the_message_went(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_elsewhere=True, receipt_delay_ms=0)
    first, second = await esme.bind(), await esme.bind()
    stranger = Esme(smsc)
    await stranger.bind(system_id="stranger")
    await submitted(first, 2)
    await wait_until(lambda: smsc.counters.receipts_taken == 2)
    assert (smsc.counters.receipts_elsewhere, len(esme.delivered), len(stranger.delivered)) == (2, 2, 0)
    second.abort()
    await wait_until(lambda: smsc.counters.sessions == 2)
    await submitted(first, 1)
    await wait_until(lambda: len(esme.delivered) == 3)
    assert smsc.counters.receipts_elsewhere == 2
    for bind in stranger.binds:
        bind.abort()


async def test_another_bind_that_does_not_take_a_receipt_costs_it_nothing(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_elsewhere=True, receipt_delay_ms=0)
    first = await esme.bind()
    refusing = Esme(smsc)
    refusing.answer = ESME_RSYSERR
    (second,) = [await refusing.bind(mode=BindMode.RECEIVER)]
    await submitted(first, 1)
    await wait_until(lambda: len(refusing.delivered) >= 1)
    second.abort()
    await wait_until(lambda: len(esme.delivered) == 1)


async def test_ids_are_used_again_after_the_last_one(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(ids=2, receipts=ReceiptPolicy.NEVER)
    first, second, third = given(await submitted(await esme.bind(), 3))
    assert first == third != second


def test_without_a_bound_no_id_is_used_again() -> None:
    assert [id_of(Behaviour(), number) for number in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(("answer", "receipt"), [(IdFormat.HEX, IdFormat.DECIMAL), (IdFormat.DECIMAL, IdFormat.HEX)])
async def test_ids_may_be_hexadecimal_on_one_side(smsc: Smsc, esme: Esme, answer: IdFormat, receipt: IdFormat) -> None:
    smsc.behaviour = Behaviour(id_format=answer, receipt_id_format=receipt, receipt_delay_ms=0)
    (told,) = given(await submitted(await esme.bind(), 1))
    await wait_until(lambda: len(esme.delivered) == 1)
    assert ids(esme) != [told]
    assert ids(esme)[0] in id_candidates(told)
