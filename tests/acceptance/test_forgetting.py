"""A person is erased from the running system, and found nowhere in it afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import pytest
import redis.asyncio
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from cli.exits import Exit
from deploy.local.plan import OPERATORS
from deploy.local.settings import ROOT
from shared.contracts.topics import EVENTS, SCHEDULED, accepted, catalogue, dead_letters
from shared.contracts.words import Lane
from shared.ids import GATEWAY, AccountId
from shared.privacy.catalogue import keeps_pseudonyms, unlisted_collections, unlisted_keys
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from simulators.customer.receiver import Receiver
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.partitions import every_partition
from tests.acceptance.person import CANARY, REQUESTS, TEXTS, Known, be_everywhere, heard, parked
from tests.acceptance.smsc import Smsc, text_of
from tests.acceptance.system import System, read_env
from tests.acceptance.test_privacy import THEIR_OWN, betrayed, contents, forms, metrics, topics, valkey
from tests.support import wait_until

SERVERS_OWN = frozenset({"admin", "config", "local"})
DEMO = AccountId("demo")


async def collections(system: System) -> AsyncIterator[tuple[str, str, list[bytes]]]:
    """Database, collection and documents of every service. The server's own log is bounded by its size."""
    async with AsyncMongoClient[RawBSONDocument](system.mongodb, document_class=RawBSONDocument) as client:
        for database in set(await client.list_database_names()) - SERVERS_OWN:
            for name in await client[database].list_collection_names():
                yield database, name, [bytes(row.raw) async for row in client[database][name].find()]


async def finished(api: Customer, request: str) -> bool:
    return await state_of(api, request) == "finished"


async def state_of(api: Customer, request: str) -> str:
    answer = await api.http.get(f"/v1/privacy/requests/{request}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


@pytest.fixture
async def staff(system: System) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of ours with a key for everything."""
    headers = {"authorization": f"Bearer {read_env(system.local_env)['BUDSTIKKE_STAFF_KEY']}"}
    async with httpx.AsyncClient(base_url=system.api, headers=headers, timeout=30.0, trust_env=False) as http:
        yield http


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The customer's own endpoint, which answers."""
    one = Receiver()
    await one.start()
    yield one
    await one.stop(5.0)


async def test_a_person_who_was_erased_is_found_nowhere(
    system: System, api: Customer, fjord: Smsc, staff: httpx.AsyncClient, numbers: Numbers, receiver: Receiver
) -> None:
    person = await be_everywhere(system, api, staff, numbers, receiver)
    keys = FileKeyStore(system.var / "keys")
    pseudonyms = [
        Pseudonyms(keys).in_year(account, CANARY, year).encode()
        for account in (DEMO, GATEWAY)
        for year in keys.pseudonym_years(account)
    ]

    async def everywhere() -> bool:
        found = {name for name, _ in await naming(system, pseudonyms, everywhere=True)}
        inbound = [rows async for _, name, rows in collections(system) if name == "inbound_messages"]
        known = {"messages", "usage", "held", "inbound_messages", "premium", "premium_transactions"} <= found
        told = person.message in await heard(api, person.told) and person.message in await parked(api, person.away)
        return known and told and sum(names(row, pseudonyms) for row in inbound[0]) == 2

    await wait_until(everywhere, 45.0)
    assert any(CANARY.encode() in delivery.body for delivery in receiver.deliveries)
    asked = await api.http.post("/v1/privacy/requests", json={"number": CANARY})
    assert asked.status_code == 202, asked.text
    again = await api.http.post("/v1/privacy/requests", json={"number": CANARY})
    assert again.json()["id"] == asked.json()["id"]
    of_nobody = await staff.post("/admin/privacy/orders", json={"account": GATEWAY, "number": CANARY})
    assert of_nobody.status_code == 202, of_nobody.text

    async def staff_finished() -> bool:
        answer = await staff.get(f"/admin/privacy/orders/{of_nobody.json()['id']}")
        return bool(answer.json()["state"] == "finished")

    await wait_until(lambda: finished(api, asked.json()["id"]), 60.0)
    await wait_until(staff_finished, 60.0)

    assert await naming(system, pseudonyms) == []
    for read in (valkey, metrics):
        assert not [octets async for octets in read(system) if names(octets, pseudonyms)]
    logs = [file for file in system.logs.rglob("*") if file.is_file()]
    assert [file.name for file in logs if names(contents(file), pseudonyms)] == []
    for message_id, state in ((person.message, "delivered"), (person.scheduled, "expired")):
        shown = await api.get(message_id)
        assert (shown["state"], shown["to"], shown["text"], shown["reference"]) == (state, None, None, None)
    assert TEXTS[0] in (sent := [text_of([part]) for part in await fjord.taken_for(CANARY)])
    assert TEXTS[1] not in sent
    listed = (await api.http.get("/v1/inbound?limit=50")).json()["messages"]
    assert CANARY not in [one["from"] for one in listed]
    assert person.message not in await parked(api, person.away)
    assert person.message in await heard(api, person.told)  # that there was one stays, and whom it was about is gone
    await sealed_in_the_topics(system, person)
    request = (await api.http.get(f"/v1/privacy/requests/{asked.json()['id']}")).json()
    counts = request["counts"]
    assert (counts["dlr"]["messages"], counts["dlr"]["inbound_messages"]) == ([3, 0], [1, 0])
    assert (counts["ingest"]["held.waiting"], counts["ingest"]["held"]) == ([2, 0], [2, 0])
    assert (counts["billing"]["usage"], counts["billing"]["premium_transactions"]) == ([1, 0], [0, 1])
    records = (await staff.get("/admin/privacy/proof")).json()["records"]
    assert request["proof"] in [record["hash"] for record in records]
    for endpoint in (person.told, person.away):
        await api.http.delete(f"/v1/webhooks/{endpoint}")


async def sealed_in_the_topics(system: System, person: Known) -> None:
    """What an erasure leaves where it cannot reach is there, and says nothing of the person to whoever has no key."""
    clear = frozenset(form for secret in (CANARY[3:], *TEXTS) for form in forms(secret))
    assert betrayed(f"{CANARY} {TEXTS[0]}".encode(), clear)
    dead = f"{dead_letters(REQUESTS)}\n{person.message}".encode()
    found: list[bytes] = []

    async def set_aside() -> bool:
        found[:] = [octets async for octets in topics(system)]
        return sum(octets.startswith(dead) for octets in found) == 2  # of screening, and of dlr

    await wait_until(set_aside, 45.0)
    lies = {octets.split(b"\n")[0].decode() for octets in found if octets.split(b"\n")[1] == person.message.encode()}
    assert {REQUESTS, accepted(Lane.STANDARD), EVENTS} <= lies
    assert any(octets.startswith(f"{SCHEDULED}\n{person.scheduled}".encode()) for octets in found)
    assert [betrayed(octets, clear) for octets in found if betrayed(octets, clear)] == []


async def test_an_erasure_that_a_legal_hold_withholds_is_carried_out_when_that_is_closed(
    api: Customer, staff: httpx.AsyncClient, numbers: Numbers
) -> None:
    number = numbers.norwegian()
    message_id = await api.send_one(number, "Bevis")
    await api.delivered(message_id)
    hold = {"account": DEMO, "reason": "dispute", "number": number}
    opened = await staff.post("/admin/privacy/holds", json=hold)
    assert opened.status_code == 201, opened.text
    asked = (await api.http.post("/v1/privacy/requests", json={"number": number})).json()
    assert (asked["state"], asked["refused_in_part"], asked["refused_because"]) == ("withheld", True, ["dispute"])
    assert (await api.get(message_id))["to"] == number
    closed = await staff.post(f"/admin/privacy/holds/{opened.json()['id']}/close")
    assert closed.status_code == 200, closed.text
    await wait_until(lambda: finished(api, asked["id"]), 60.0)
    assert (await api.get(message_id))["to"] is None


async def test_the_canary_of_the_command_is_forgotten(system: System, numbers: Numbers) -> None:
    environment = {"PATH": os.environ["PATH"], "BUDSTIKKE_API": system.api, "BUDSTIKKE_KEY": system.key}
    process = await asyncio.create_subprocess_exec(
        ROOT / "bin/budstikke",
        *("privacy", "canary", "--number", numbers.norwegian()),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    assert process.returncode == Exit.OK, output.decode()
    assert b"forgotten, on record with the hash" in output


async def test_a_number_that_is_none_is_refused_and_not_repeated(api: Customer) -> None:
    answer = await api.http.post("/v1/privacy/requests", json={"number": "4711471147"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_number")
    assert "4711471147" not in answer.text


async def test_a_period_is_three_to_a_hundred_and_twenty_months(api: Customer) -> None:
    assert (await api.http.get("/v1/retention")).json()["months"] == 18
    for months in (2, 121):
        answer = await api.http.put("/v1/retention", json={"months": months, "reason": "because"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_retention")
    looked = await api.http.put("/v1/retention?dry_run=true", json={"months": 3})
    assert (looked.status_code, looked.json()["months"]) == (200, 3)
    assert (await api.http.put("/v1/retention?dryrun=true", json={"months": 3})).status_code == 422
    period = (await api.http.get("/v1/retention")).json()
    assert (period["months"], period["set_at"]) == (18, None)
    assert period["deletes_before"] < looked.json()["deletes_before"]


async def test_data_lie_only_where_the_catalogue_says(system: System) -> None:
    found: dict[str, set[str]] = {}
    async for database, name, _ in collections(system):
        found.setdefault(database, set()).add(name)
    assert [(owner, more) for owner, names in found.items() if (more := unlisted_collections(owner, names))] == []
    async with redis.asyncio.Redis.from_url(system.valkey) as client:
        assert unlisted_keys({key.decode("latin-1") async for key in client.scan_iter()}) == set()
    known = {topic.name for topic in catalogue([operator.name for operator in OPERATORS] + ["strex"])}
    topics = {place.topic for place in await every_partition(system.kafka)}
    assert {topic for topic in topics - known if not topic.startswith((THEIR_OWN, "__"))} == set()


async def naming(system: System, pseudonyms: list[bytes], *, everywhere: bool = False) -> list[tuple[str, int]]:
    """Collections that name somebody, with how many rows; without those that may for a time."""
    found = []
    async for database, name, rows in collections(system):
        count = sum(names(row, pseudonyms) for row in rows)
        if count and (everywhere or not keeps_pseudonyms(database, name)):
            found.append((name, count))
    return found


def names(octets: bytes, pseudonyms: list[bytes]) -> bool:
    """Whether some octets name the person by pseudonym, or by number."""
    return CANARY[3:].encode() in octets or any(pseudonym in octets for pseudonym in pseudonyms)
