"""A person is erased from the running system, and found nowhere in it afterwards."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
import redis.asyncio
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from cli.exits import Exit
from deploy.local.plan import OPERATORS
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from shared.contracts.topics import catalogue
from shared.ids import GATEWAY, AccountId
from shared.privacy.catalogue import keeps_pseudonyms, unlisted_collections, unlisted_keys
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.partitions import every_partition
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System, read_env
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


async def parked(api: Customer, endpoint: str) -> set[str]:
    """The messages of which an endpoint is still to be told."""
    answer = await api.http.get(f"/v1/webhooks/{endpoint}/deliveries", params={"limit": 100})
    return {one["message_id"] for one in answer.json()["deliveries"]}


async def be_everywhere(system: System, api: Customer, numbers: Numbers) -> tuple[str, str]:
    """Let the person be in every store that there is: sent to, held, charged, heard, told of at an endpoint that does
    not answer. The id of the message that arrived, and of the endpoint.
    """
    url = f"http://127.0.0.1:{free_port()}/away"
    states = {"states": ["delivered", "received", "held"]}
    endpoint = (await api.http.post("/v1/webhooks", json={"url": url} | states)).json()["id"]
    while not await parked(api, endpoint):  # what happens within a second of its making may not be told to an endpoint
        await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))
    keys = [{"idempotency-key": secrets.token_hex(8)} for _ in range(2)]
    body = {"to": CANARY, "text": "Glem meg", "reference": "kanari 62951"}
    sent = await api.http.post("/v1/messages", json=body, headers=keys[0])
    message_id = str(sent.json()["messages"][0]["id"])
    held = await api.send_one(CANARY, f"Se https://d{secrets.token_hex(6)}.no")
    sold = {"price": 1000, "service_code": "06002", "invoice_text": "Buss", "consent_ref": "avtale"}
    charge = await api.http.post("/v1/premium/charges", json=sold | {"to": CANARY}, headers=keys[1])
    assert charge.status_code == 202, charge.text
    async with httpx.AsyncClient(base_url=system.fjord, trust_env=False) as fjord:
        for number in ("2002", "2999"):
            said = {"source": CANARY, "destination": number, "text": "Husker dere meg"}
            assert (await fjord.post("/incoming", json=said)).status_code == 202
    await api.until(held, "held")
    await api.delivered(message_id)
    return message_id, endpoint


async def test_a_person_who_was_erased_is_found_nowhere(
    system: System, api: Customer, fjord: Smsc, staff: httpx.AsyncClient, numbers: Numbers
) -> None:
    message_id, endpoint = await be_everywhere(system, api, numbers)
    keys = FileKeyStore(system.var / "keys")
    pseudonyms = [
        Pseudonyms(keys).in_year(account, CANARY, year).encode()
        for account in (DEMO, GATEWAY)
        for year in keys.pseudonym_years(account)
    ]

    async def everywhere() -> bool:
        found = {name for name, _ in await naming(system, pseudonyms, everywhere=True)}
        heard = [rows async for _, name, rows in collections(system) if name == "inbound_messages"]
        known = {"messages", "usage", "held", "inbound_messages", "premium", "premium_transactions"} <= found
        told = message_id in await parked(api, endpoint)
        return known and told and sum(names(row, pseudonyms) for row in heard[0]) == 2

    await wait_until(everywhere, 45.0)
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
    shown = await api.get(message_id)
    assert (shown["state"], shown["to"], shown["text"], shown["reference"]) == ("delivered", None, None, None)
    listed = (await api.http.get("/v1/inbound?limit=50")).json()["messages"]
    assert CANARY not in [one["from"] for one in listed]
    assert message_id not in await parked(api, endpoint)
    request = (await api.http.get(f"/v1/privacy/requests/{asked.json()['id']}")).json()
    counts = request["counts"]
    assert (counts["dlr"]["messages"], counts["dlr"]["inbound_messages"]) == ([2, 0], [1, 0])
    assert (counts["ingest"]["held.waiting"], counts["ingest"]["held"]) == ([1, 0], [1, 0])
    assert (counts["billing"]["usage"], counts["billing"]["premium_transactions"]) == ([1, 0], [0, 1])
    records = (await staff.get("/admin/privacy/proof")).json()["records"]
    assert request["proof"] in [record["hash"] for record in records]
    await api.http.delete(f"/v1/webhooks/{endpoint}")


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
