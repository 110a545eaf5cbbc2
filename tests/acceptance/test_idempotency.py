"""A request that is repeated is one message to the operator and to the customer, however often it is on the topics."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from shared.contracts.states import State
from shared.contracts.topics import LOCAL
from shared.ids import partition_of
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.integration.ingest.api.conftest import watching

AT_ONCE = 20


async def test_many_clients_with_one_key_at_once_send_one_message(
    system: System, api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    number = numbers.norwegian()
    body = {"to": number, "text": "x" * 200, "category": "otp"}
    headers = {"idempotency-key": secrets.token_hex(8)}
    async with watching(system.kafka, "sms.requests.express") as topic:
        answers = await asyncio.gather(
            *(api.http.post("/v1/messages", json=body, headers=headers) for _ in range(AT_ONCE))
        )
        assert {answer.status_code for answer in answers} == {202}
        (message_id,) = {message["id"] for answer in answers for message in answer.json()["messages"]}
        copies = Counter(record.key.decode() for record in await topic.records())[message_id]
    assert 1 <= copies <= AT_ONCE  # as many as asked before the first had its answer
    seen = await api.delivered(message_id)
    assert seen["parts"] == 2
    again = await api.http.post("/v1/messages", json=body, headers=headers)
    assert again.content == answers[0].content
    assert again.headers["idempotency-replayed"] == "true"
    other = await api.http.post("/v1/messages", json={**body, "text": "y"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    await another_behind(message_id, api, numbers, category="otp")
    assert len(await fjord.taken_for(number)) == 2


async def test_hundreds_of_recipients_repeated_at_once_are_each_sent_once(
    api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    to = [numbers.norwegian() for _ in range(300)]
    headers = {"idempotency-key": secrets.token_hex(8)}
    answers = await asyncio.gather(
        *(api.http.post("/v1/messages", json={"to": to, "text": "Hei"}, headers=headers) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    ids = [message["id"] for message in answers[0].json()["messages"]]
    states = await api.settled(ids)
    assert set(states.values()) == {State.DELIVERED}
    await another_behind(ids[0], api, numbers)
    taken = Counter(part["destination"] for part in await fjord.taken_for(*to))
    assert taken == dict.fromkeys((number.removeprefix("+") for number in to), 1)


async def another_behind(message_id: str, api: Customer, numbers: Numbers, **fields: str) -> None:
    """Wait for a later message of the same partition: all copies have gone their whole way before it."""
    partitions = LOCAL.message_partitions
    while True:
        behind = await api.send_one(numbers.norwegian(), "behind", **fields)
        if partition_of(behind, partitions) == partition_of(message_id, partitions):
            break
    await api.delivered(behind)
