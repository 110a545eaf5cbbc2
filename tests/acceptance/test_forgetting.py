"""A person is erased from the running system, and found nowhere in it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator

import redis.asyncio
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from deploy.local.plan import OPERATORS
from shared.contracts.topics import catalogue
from shared.ids import AccountId
from shared.privacy.catalogue import keeps_pseudonyms, unlisted_collections, unlisted_keys
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from tests.acceptance.customer import Customer
from tests.acceptance.partitions import every_partition
from tests.acceptance.system import System
from tests.acceptance.test_privacy import THEIR_OWN, contents, metrics, valkey
from tests.support import wait_until

CANARY = "+4793748263"
SERVERS_OWN = frozenset({"admin", "config", "local"})
DEMO = AccountId("demo")


async def collections(system: System) -> AsyncIterator[tuple[str, str, list[bytes]]]:
    """Database, collection and documents of every service. The server's own log is bounded by its size."""
    async with AsyncMongoClient[RawBSONDocument](system.mongodb, document_class=RawBSONDocument) as client:
        for database in set(await client.list_database_names()) - SERVERS_OWN:
            for name in await client[database].list_collection_names():
                yield database, name, [bytes(row.raw) async for row in client[database][name].find()]


async def finished(api: Customer, request: str) -> bool:
    answer = await api.http.get(f"/v1/privacy/requests/{request}")
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["state"] == "finished")


async def test_a_person_who_was_erased_is_found_nowhere(system: System, api: Customer) -> None:
    message_id = await api.send_one(CANARY, "Glem meg", reference="kanari 62951")
    await api.delivered(message_id)
    people = Pseudonyms(FileKeyStore(system.var / "keys"))
    years = FileKeyStore(system.var / "keys").pseudonym_years(DEMO)
    pseudonyms = [people.in_year(DEMO, CANARY, year).encode() for year in years]

    async def usage_is_there() -> bool:
        return {"messages", "usage"} <= {name for name, _ in await naming(system, pseudonyms, everywhere=True)}

    await wait_until(usage_is_there, 30.0)
    asked = await api.http.post("/v1/privacy/requests", json={"number": CANARY})
    assert asked.status_code == 202, asked.text
    again = await api.http.post("/v1/privacy/requests", json={"number": CANARY})
    assert again.json()["id"] == asked.json()["id"]
    await wait_until(lambda: finished(api, asked.json()["id"]), 60.0)

    assert await naming(system, pseudonyms) == []
    for read in (valkey, metrics):
        assert not [octets async for octets in read(system) if names(octets, pseudonyms)]
    logs = [file for file in system.logs.rglob("*") if file.is_file()]
    assert [file.name for file in logs if names(contents(file), pseudonyms)] == []
    shown = await api.get(message_id)
    assert (shown["state"], shown["to"], shown["text"], shown["reference"]) == ("delivered", None, None, None)
    counts = (await api.http.get(f"/v1/privacy/requests/{asked.json()['id']}")).json()["counts"]
    assert counts["dlr"]["messages"] == [1, 0]
    assert counts["billing"]["usage"] == [1, 0]


async def test_a_number_that_is_none_is_refused_and_not_repeated(api: Customer) -> None:
    answer = await api.http.post("/v1/privacy/requests", json={"number": "4711471147"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_number")
    assert "4711471147" not in answer.text


async def test_a_period_is_three_to_a_hundred_and_twenty_months(api: Customer) -> None:
    assert (await api.http.get("/v1/retention")).json()["months"] == 18
    for months in (2, 121):
        answer = await api.http.put("/v1/retention", json={"months": months, "reason": "because"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_retention")
    assert (await api.http.get("/v1/retention")).json()["set_at"] is None


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
