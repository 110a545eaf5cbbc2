"""First attempts and all that follow, on a real database, Valkey and sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect

from services.dlr.webhooks.api.bodies import EndpointChange
from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.delivery.delivery import Standing
from services.dlr.webhooks.delivery.history import Success
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import EndpointId, Off, callbacks_of
from shared.contracts.events import MessageStatusChanged, PassedState
from shared.contracts.states import State
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.kafka.record import Record
from shared.stores.mongodb import Document
from simulators.customer.behaviour import Behaviour, Manner
from simulators.customer.receiver import Receiver
from tests.integration.dlr.driving import NUMBER, message_ids
from tests.integration.dlr.webhooks.driving import ShiftedClock, Telling, changed, corrected, record
from tests.support import wait_until
from tests.unit.dlr.building import ACCOUNT, START

Start = Callable[..., Awaitable[Telling]]
ID = message_ids(1)[0]
HOUR = timedelta(hours=1)


def url(receiver: Receiver, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"


def event(
    telling: Telling,
    message_id: MessageId = ID,
    state: State = State.DELIVERED,
    *,
    passed: tuple[PassedState, ...] = (),
    **more: str,
) -> Record:
    account = AccountId(more.get("account", ACCOUNT))
    return record(changed(telling.sealer, message_id, state, account=account, url=more.get("url"), passed=passed))


async def swept(telling: Telling) -> int:
    """Sweep, and wait until all that it began is settled."""
    begun = await telling.sweeper.sweep()
    await wait_until(lambda: not telling.client.busy and not len(telling.parking))
    return begun


async def test_what_the_customer_has_leaves_no_document(telling: Telling, receiver: Receiver) -> None:
    endpoint = await telling.endpoint(url(receiver))
    one = event(telling)
    await telling.handle([one])
    await wait_until(lambda: telling.finished == [one])
    (delivery,) = receiver.deliveries
    assert json.loads(delivery.body)["data"]["to"] == NUMBER
    assert delivery.headers["webhook-id"] == f"{ID}:4"
    assert delivery.headers["webhook-signature"].startswith("v1,")
    assert await telling.kept(endpoint) == []

    async def in_history() -> bool:
        found = await telling.history.of(endpoint.id)
        return [(success.event_id, success.status, success.attempts) for success in found] == [(f"{ID}:4", 200, 1)]

    await wait_until(in_history)


async def test_only_wanted_states_are_told(telling: Telling, receiver: Receiver) -> None:
    await telling.endpoint(url(receiver))
    await telling.endpoint(url(receiver, "/queued"), states=[State.QUEUED])
    await telling.endpoint(url(receiver, "/other"), account=AccountId("other"))
    records = [event(telling, state=state) for state in (State.ACCEPTED, State.QUEUED, State.FAILED)]
    await telling.handle(records)
    await wait_until(lambda: len(telling.finished) == 3)
    told = [(one.path, json.loads(one.body)["type"]) for one in receiver.deliveries]
    assert sorted(told) == [("/hook", "message.failed"), ("/queued", "message.queued")]


async def test_a_state_that_was_passed_is_told_to_who_wants_it_under_its_own_id(
    telling: Telling, receiver: Receiver
) -> None:
    receiver.paths["/submitted"] = Behaviour(status=500)
    await telling.endpoint(url(receiver))
    failing = await telling.endpoint(url(receiver, "/submitted"), states=[State.SUBMITTED])
    passed = (
        PassedState(state=State.QUEUED, sequence=2, at=START),
        PassedState(state=State.SUBMITTED, sequence=3, at=START, previous=State.QUEUED, operator="fjord"),
    )
    one = event(telling, passed=passed)
    await telling.handle([one])
    await wait_until(lambda: telling.finished == [one])
    told = {one.path: json.loads(one.body) for one in receiver.deliveries}
    assert {path: body["id"] for path, body in told.items()} == {"/hook": f"{ID}:4", "/submitted": f"{ID}:3"}
    assert (told["/submitted"]["data"]["previous"], told["/submitted"]["data"]["operator"]) == ("queued", "fjord")

    (parked,) = await telling.kept(failing)
    assert (parked.event_id, parked.state) == (f"{ID}:3", "submitted")
    again = msgspec.json.decode(parked.payload, type=MessageStatusChanged)
    assert (again.state, again.sequence, again.reference) == (State.SUBMITTED, 3, "order 7")


async def test_a_correction_is_told_to_nobody(telling: Telling, receiver: Receiver) -> None:
    endpoint = await telling.endpoint(url(receiver), states=list(State))
    records = [event(telling, state=State.FAILED), record(corrected(ID, State.FAILED))]
    await telling.handle(records)
    await wait_until(lambda: len(telling.finished) == 2)
    assert [json.loads(one.body)["type"] for one in receiver.deliveries] == ["message.failed"]
    assert await telling.kept(endpoint) == []


async def test_a_callback_is_told_of_the_end_alone(telling: Telling, receiver: Receiver) -> None:
    records = [event(telling, state=state, url=url(receiver, "/cb?x=1")) for state in (State.QUEUED, State.DELIVERED)]
    await telling.handle(records)
    await wait_until(lambda: len(telling.finished) == 2)
    assert [one.path for one in receiver.deliveries] == ["/cb?x=1"]
    assert "webhook-signature" not in receiver.deliveries[0].headers
    await telling.management.rotate(ACCOUNT, callbacks_of(ACCOUNT))
    await telling.handle(records)
    await wait_until(lambda: receiver.count == 2)
    assert "webhook-signature" in receiver.deliveries[1].headers


async def test_a_callback_to_a_forbidden_place_is_a_dead_letter(telling: Telling) -> None:
    await telling.handle([event(telling, url="http://169.254.169.254/latest")])
    await wait_until(lambda: len(telling.finished) == 1)
    (dead,) = await telling.deliveries.of_endpoint(ACCOUNT, callbacks_of(ACCOUNT), None, 10)
    assert (dead.standing, dead.end, dead.attempts) == (Standing.DEAD, End.URL_REFUSED, 0)


MISBEHAVIOURS = [
    (Behaviour(status=500), 500, None),
    (Behaviour(status=404), 404, None),
    (Behaviour(status=302, location="http://127.0.0.1:1/"), 302, None),
    (Behaviour(status=503, retry_after="30"), 503, None),
    (Behaviour(manner=Manner.HANG), 0, Failure.TIMEOUT),
    (Behaviour(manner=Manner.SLOW_HEAD, delay_ms=20), 0, Failure.TIMEOUT),
    (Behaviour(manner=Manner.RESET), 0, Failure.CLOSED),
    (Behaviour(manner=Manner.CLOSE), 0, Failure.CLOSED),
    (Behaviour(manner=Manner.GARBAGE), 0, Failure.BAD_RESPONSE),
    (Behaviour(manner=Manner.ENDLESS_HEAD), 0, Failure.BAD_RESPONSE),
]


@pytest.mark.parametrize(("behaviour", "status", "failure"), MISBEHAVIOURS)
async def test_what_fails_is_parked_and_told_later_under_the_same_id(
    telling: Telling,
    receiver: Receiver,
    clock: ShiftedClock,
    behaviour: Behaviour,
    status: int,
    failure: Failure | None,
) -> None:
    receiver.behaviour = behaviour
    endpoint = await telling.endpoint(url(receiver))
    began = clock.now()
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    (parked,) = await telling.kept(endpoint)
    assert (parked.standing, parked.attempts) == (Standing.PARKED, 1)
    assert parked.last is not None
    assert (parked.last.status, parked.last.failure) == (status, failure)
    assert parked.due is not None
    least, most = (30, 45) if behaviour.retry_after else (5, 15)
    assert timedelta(seconds=least) <= parked.due - began <= timedelta(seconds=most)
    assert NUMBER.encode() not in parked.payload
    assert await telling.sweeper.sweep() == 0
    receiver.behaviour = Behaviour()
    clock.ahead += timedelta(minutes=1)
    assert await swept(telling) == 1
    first, *_, last = receiver.deliveries
    assert (first.headers["webhook-id"], first.body) == (last.headers["webhook-id"], last.body)
    assert await telling.kept(endpoint) == []
    assert [success.attempts for success in await _flushed(telling, endpoint.id)] == [2]


async def _flushed(telling: Telling, endpoint: EndpointId) -> list[Success]:
    await telling.history._flush()
    return await telling.history.of(endpoint)


async def test_it_is_tried_for_a_day_and_then_dead_until_it_is_replayed(
    telling: Telling, receiver: Receiver, clock: ShiftedClock
) -> None:
    receiver.behaviour = Behaviour(status=500)
    endpoint = await telling.endpoint(url(receiver))
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    (first,) = await telling.kept(endpoint)
    for _ in range(30):
        (kept,) = await telling.kept(endpoint)
        if kept.standing is Standing.DEAD:
            break
        assert kept.due is not None
        clock.ahead += kept.due - clock.now() + timedelta(milliseconds=5)
        assert await swept(telling) == 1
    assert (kept.end, kept.attempts) == (End.TIME_IS_UP, receiver.count)
    assert timedelta(hours=24) <= clock.now() - first.first_at < timedelta(hours=24, minutes=1)
    clock.ahead += HOUR
    assert await swept(telling) == 0
    receiver.behaviour = Behaviour()
    assert await telling.deliveries.replay(ACCOUNT, endpoint.id, kept.id, clock.now())
    assert not await telling.deliveries.replay(AccountId("other"), endpoint.id, kept.id, clock.now())
    assert await swept(telling) == 1
    assert await telling.kept(endpoint) == []
    assert len({one.headers["webhook-id"] for one in receiver.deliveries}) == 1


async def test_who_answers_410_is_switched_off(telling: Telling, receiver: Receiver, clock: ShiftedClock) -> None:
    receiver.behaviour = Behaviour(status=410)
    endpoint = await telling.endpoint(url(receiver))
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    await telling.switchboard.flush()
    (dead,) = await telling.kept(endpoint)
    assert (dead.standing, dead.end) == (Standing.DEAD, End.GONE)
    off = await telling.endpoints.one_of(ACCOUNT, endpoint.id)
    assert off is not None
    assert (off.off, off.version) == (Off.GONE, 2)
    (notice,) = await telling.endpoints.notices(ACCOUNT)
    assert (notice.endpoint_id, notice.reason) == (endpoint.id, Off.GONE)
    await telling.handle([event(telling, message_ids(2)[1])])
    assert (len(telling.finished), receiver.count) == (2, 1)


async def test_three_days_of_failures_switch_off_with_a_notice(
    telling: Telling, receiver: Receiver, clock: ShiftedClock
) -> None:
    receiver.behaviour = Behaviour(status=500)
    endpoint = await telling.endpoint(url(receiver))
    for day, message_id in enumerate(message_ids(5)):
        await telling.handle([event(telling, message_id)])
        await wait_until(lambda day=day: len(telling.finished) == day + 1)  # type: ignore[misc]
        await telling.switchboard.flush()
        clock.ahead += timedelta(days=1)
    off = await telling.endpoints.one_of(ACCOUNT, endpoint.id)
    assert off is not None
    assert off.off is Off.FAILING
    assert receiver.count == 4
    assert [notice.reason for notice in await telling.endpoints.notices(ACCOUNT)] == [Off.FAILING]
    await swept(telling)
    assert {kept.end for kept in await telling.kept(endpoint)} == {End.SWITCHED_OFF}
    back = await telling.management.change(ACCOUNT, endpoint.id, EndpointChange(enabled=True))
    assert (back.off, back.failing_since) == (None, None)


async def test_a_replay_right_after_switching_on_finds_the_endpoint(
    start: Start, receiver: Receiver, clock: ShiftedClock
) -> None:
    telling = await start(ttl=60.0)
    receiver.behaviour = Behaviour(status=410, times=1)
    endpoint = await telling.endpoint(url(receiver))
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    await telling.switchboard.flush()
    await telling.view.of([ACCOUNT], anew=True)
    await telling.management.change(ACCOUNT, endpoint.id, EndpointChange(enabled=True))
    (dead,) = await telling.kept(endpoint)
    assert await telling.deliveries.replay(ACCOUNT, endpoint.id, dead.id, clock.now())
    assert await swept(telling) == 1
    assert await telling.kept(endpoint) == []
    assert receiver.count == 2


async def test_one_success_ends_a_row_of_failures(telling: Telling, receiver: Receiver) -> None:
    receiver.behaviour = Behaviour(status=500, times=1)
    endpoint = await telling.endpoint(url(receiver))
    for number, message_id in enumerate(message_ids(2), 1):
        await telling.handle([event(telling, message_id)])
        await wait_until(lambda number=number: len(telling.finished) == number)  # type: ignore[misc]
        await telling.switchboard.flush()
        known = await telling.endpoints.one_of(ACCOUNT, endpoint.id)
        assert known is not None
        assert (known.failing_since is not None) == (number == 1)


async def test_a_hanging_endpoint_delays_nobody(telling: Telling, receiver: Receiver) -> None:
    receiver.paths["/hangs"] = Behaviour(manner=Manner.HANG)
    hangs = await telling.endpoint(url(receiver, "/hangs"), account=AccountId("slow"))
    await telling.endpoint(url(receiver))
    ids = message_ids(200)
    await telling.handle([event(telling, message_id, account="slow") for message_id in ids[:100]])
    await telling.handle([event(telling, message_id) for message_id in ids[100:]])
    await wait_until(lambda: sum(one.path == "/hook" for one in receiver.deliveries) == 100)
    assert sum(one.path == "/hangs" for one in receiver.deliveries) <= 2
    await wait_until(lambda: len(telling.finished) == 200)
    assert telling.courier.resting() == [hangs.id]
    await telling.handle([event(telling, message_id, account="slow") for message_id in message_ids(250)[200:]])
    await wait_until(lambda: len(telling.finished) == 250)
    assert sum(one.path == "/hangs" for one in receiver.deliveries) <= 2
    assert len(await telling.kept(hangs)) == 150


async def test_a_channel_without_room_does_not_hide_who_is_due_behind_it(
    telling: Telling, receiver: Receiver, clock: ShiftedClock
) -> None:
    receiver.behaviour = Behaviour(status=500)
    await telling.endpoint(url(receiver), account=AccountId("big"))
    await telling.endpoint(url(receiver, "/small"))
    ids = message_ids(701)
    await telling.handle([event(telling, message_id, account="big") for message_id in ids[:700]])
    await wait_until(lambda: len(telling.finished) == 700)
    await telling.handle([event(telling, ids[700])])
    await wait_until(lambda: len(telling.finished) == 701)
    receiver.behaviour = Behaviour()
    clock.ahead += HOUR
    await swept(telling)
    assert "/small" in [one.path for one in receiver.deliveries][-200:]


async def test_two_processes_share_what_is_due(start: Start, receiver: Receiver, clock: ShiftedClock) -> None:
    one, two = [await start(), await start()]
    receiver.behaviour = Behaviour(status=500)
    endpoint = await one.endpoint(url(receiver))
    ids = message_ids(60)
    await one.handle([event(one, message_id) for message_id in ids])
    await wait_until(lambda: len(one.finished) == 60)
    receiver.behaviour = Behaviour()
    receiver.deliveries.clear()
    clock.ahead += HOUR
    for _ in range(3):
        await asyncio.gather(swept(one), swept(two))
    told = [delivery.headers["webhook-id"] for delivery in receiver.deliveries]
    assert len(told) == len(set(told)) == 60
    assert await one.kept(endpoint) == []


async def test_who_is_killed_with_a_claim_leaves_it_to_others(
    start: Start, receiver: Receiver, clock: ShiftedClock
) -> None:
    first, second = [await start(), await start()]
    receiver.behaviour = Behaviour(status=500, times=1)
    endpoint = await first.endpoint(url(receiver))
    await first.handle([event(first)])
    await wait_until(lambda: len(first.finished) == 1)
    clock.ahead += timedelta(seconds=20)
    due = await first.deliveries.due(clock.now(), [], 10)
    (claimed,) = await first.deliveries.claim(due, "killed", clock.now() + timedelta(seconds=60))
    assert claimed.claim == "killed"
    assert await swept(second) == 0
    clock.ahead += timedelta(seconds=61)
    assert await swept(second) == 1
    assert await second.kept(endpoint) == []


async def test_who_is_killed_before_the_outcome_is_written_tells_again(
    telling: Telling, receiver: Receiver, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.behaviour = Behaviour(status=500, times=1)
    endpoint = await telling.endpoint(url(receiver))
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    clock.ahead += timedelta(seconds=20)
    with monkeypatch.context() as killed:
        killed.setattr(telling.parking, "put", lambda change, then=None: None)
        await telling.sweeper.sweep()
        await wait_until(lambda: receiver.count == 2 and not telling.client.busy)
    clock.ahead += timedelta(seconds=61)
    assert await swept(telling) == 1
    assert receiver.count == 3
    assert len({one.headers["webhook-id"] for one in receiver.deliveries}) == 1
    assert await telling.kept(endpoint) == []


async def test_a_record_that_comes_again_is_parked_once(telling: Telling, receiver: Receiver) -> None:
    receiver.behaviour = Behaviour(status=500)
    endpoint = await telling.endpoint(url(receiver))
    for number in range(1, 4):
        await telling.handle([event(telling)])
        await wait_until(lambda number=number: len(telling.finished) == number)  # type: ignore[misc]
    assert receiver.count == 3
    (parked,) = await telling.kept(endpoint)
    assert parked.attempts == 1


async def test_no_record_is_finished_before_it_is_parked(
    telling: Telling, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.behaviour = Behaviour(status=500)
    endpoint = await telling.endpoint(url(receiver))
    tries = 0
    write = AsyncCollection.bulk_write

    async def away(self: AsyncCollection[Document], *arguments: Any, **options: Any) -> object:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise AutoReconnect("away")
        return await write(self, *arguments, **options)

    monkeypatch.setattr(AsyncCollection, "bulk_write", away)
    await telling.handle([event(telling)])
    await wait_until(lambda: tries >= 2)
    assert telling.finished == []
    assert telling.parking.health().reason == "mongodb_unavailable"
    await wait_until(lambda: len(telling.finished) == 1)
    assert len(await telling.kept(endpoint)) == 1
    assert telling.parking.health().ready


async def test_without_the_database_a_batch_is_for_later(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(accounts: object) -> list[object]:
        raise TryLater("mongodb_unavailable", "away")

    monkeypatch.setattr(telling.endpoints, "all_of", away)
    with pytest.raises(TryLater):
        await telling.handle([event(telling)])
    assert telling.finished == []


async def test_a_restart_keeps_what_is_parked(start: Start, receiver: Receiver, clock: ShiftedClock) -> None:
    before = await start()
    receiver.behaviour = Behaviour(manner=Manner.HANG)
    endpoint = await before.endpoint(url(receiver))
    await before.handle([event(before, message_id) for message_id in message_ids(10)])
    await wait_until(lambda: len(before.finished) == 10)
    receiver.behaviour = Behaviour()
    clock.ahead += timedelta(minutes=1)
    after = await start()
    for _ in range(10):
        await swept(after)
    assert await after.kept(endpoint) == []
    assert len({one.headers["webhook-id"] for one in receiver.deliveries}) == 10


async def test_history_away_stops_no_delivery(
    telling: Telling, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await telling.endpoint(url(receiver))
    await telling.history._redis.aclose()
    telling.history._redis.connection_pool.connection_kwargs["port"] = 1
    await telling.handle([event(telling)])
    await wait_until(lambda: len(telling.finished) == 1)
    await wait_until(lambda: telling.metric("budstikke_webhook_history_lost_total") == 1)


async def test_history_keeps_the_last_hundred_for_a_while(telling: Telling, receiver: Receiver) -> None:
    endpoint = await telling.endpoint(url(receiver))
    for part in range(3):
        await telling.handle(
            [event(telling, message_id) for message_id in message_ids(150)[part * 50 : part * 50 + 50]]
        )
        await wait_until(lambda part=part: len(telling.finished) == part * 50 + 50)  # type: ignore[misc]
        await telling.history._flush()
    found = await telling.history.of(endpoint.id)
    assert len(found) == 100
    assert {success.message_id for success in found[:50]} == set(message_ids(150)[100:])
    left = await telling.history._redis.ttl(f"dlr:webhooks:delivered:{endpoint.id}")
    assert 0 < left <= 7 * 86_400
