"""Numbers and texts lie nowhere in the clear: not in logs, metrics, topics, databases, nor in any file of a run."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import redis.asyncio
from aiokafka import AIOKafkaConsumer
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from tests.acceptance.customer import Customer
from tests.acceptance.partitions import every_partition
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.support import wait_until

CANARY = "+4793748261"
BAD_CANARY = "+47937482619"
WORDS = "blåveisengen"
TEXT = f"Kanarifugl i {WORDS} 62951"
REFUSED_TEXT = f"{WORDS} ж"


def forms(secret: str) -> Iterator[bytes]:
    """The octets under which a secret may hide."""
    for octets in (secret.encode(), secret.encode("latin-1"), secret.encode("utf-16-le"), secret.encode("utf-16-be")):
        yield octets
        yield octets.hex().encode()
        yield octets.hex().upper().encode()
        for shift in range(3):
            # Of three places in which base64 may begin, the inner characters alone are the secret's own.
            encoded = base64.b64encode(b"\0" * shift + octets).rstrip(b"=")
            inner = encoded[(0, 2, 3)[shift] : len(encoded) - 1]
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")
    yield secret.encode("unicode_escape")
    yield secret.encode("ascii", "xmlcharrefreplace")


THEIR_OWN = "clients."
"""The topics of client systems hold what is theirs, in the clear and for their user alone."""
OFFSETS = {".index", ".timeindex"}
"""Kafka's files of offsets alone, ten mebibytes for each partition."""
SECRETS = frozenset(form for secret in (CANARY[3:], WORDS) for form in forms(secret))


def betrayed(octets: bytes, secrets: frozenset[bytes] = SECRETS) -> list[bytes]:
    """The secrets that lie in some octets."""
    return [secret for secret in secrets if secret in octets]


async def _is_billed(api: Customer, transaction_id: str) -> bool:
    answer = await api.http.get(f"/v1/premium/transactions/{transaction_id}")
    return answer.status_code == 200 and answer.json()["transaction"]["standing"] == "billed"


@pytest.fixture
async def canary(api: Customer, fjord: Smsc) -> str:
    """A message that went all the way, after others that were refused with the same secrets in them; its id."""
    message_id = await api.send_one(CANARY, TEXT, category="otp")
    await api.delivered(message_id)
    sold = {"price": 4200, "service_code": "06002", "invoice_text": "Buss", "consent_ref": "avtale", "text": TEXT}
    key = {"idempotency-key": secrets.token_hex(8)}
    charged = await api.http.post("/v1/premium/charges", json=sold | {"to": CANARY}, headers=key)
    await wait_until(lambda: _is_billed(api, charged.json()["id"]), 45.0)
    await fjord.behave(receipt_state="undeliverable")
    await api.until(await api.send_one(CANARY, TEXT), "undelivered")
    await fjord.behave(refuse_status=0x0B)
    await api.until(await api.send_one(CANARY, TEXT * 6), "failed")
    for body in (
        {"to": BAD_CANARY, "text": TEXT},
        {"to": CANARY, "text": REFUSED_TEXT, "allow_unicode": False},
        {"to": CANARY, "text": TEXT, CANARY: TEXT},
        {"to": CANARY, "text": TEXT, "lane": CANARY},
    ):
        assert (await api.http.post("/v1/messages", json=body)).status_code == 422
    assert (await api.http.post("/v1/messages", content=TEXT.encode())).status_code == 415
    assert (await api.http.get(f"/v1/messages/{CANARY}")).status_code == 404
    assert (await api.http.get(f"/{CANARY}?text={WORDS}")).status_code == 404
    return message_id


async def test_a_number_and_a_text_lie_nowhere_in_the_clear(system: System, canary: str) -> None:
    assert len(betrayed(f"{CANARY} {TEXT}".encode())) >= 2
    for name, read in {"topics": topics, "databases": databases}.items():
        found = [octets async for octets in read(system)]
        assert any(canary.encode() in octets for octets in found), f"the canary itself is not in the {name}"
        assert [betrayed(octets) for octets in found if betrayed(octets)] == [], name
    for name, read in {"valkey": valkey, "metrics": metrics}.items():
        assert [betrayed(octets) async for octets in read(system) if betrayed(octets)] == [], name


def test_no_file_of_a_run_holds_them_either(system: System, canary: str) -> None:
    files = [file for file in sorted(system.var.rglob("*")) if file.is_file() and file.suffix not in OFFSETS]
    assert any(file.parent == system.logs for file in files)
    found = [file.relative_to(system.var) for file in files if betrayed(contents(file) + file.name.encode())]
    assert [file for file in found if not file.parent.name.startswith(THEIR_OWN)] == []


async def topics(system: System) -> AsyncIterator[bytes]:
    """Every record of every topic of ours from its beginning: key, value and headers."""
    places = [place for place in await every_partition(system.kafka) if not place.topic.startswith(THEIR_OWN)]
    async with AIOKafkaConsumer(bootstrap_servers=system.kafka, isolation_level="read_uncommitted") as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, 0)
        while True:
            behind = [place for place in places if await consumer.position(place) < ends[place]]
            if not behind:
                return
            for records in (await consumer.getmany(*behind, timeout_ms=500)).values():
                for record in records:
                    headers = b"".join(name.encode() + value for name, value in record.headers)
                    yield b"\n".join((record.topic.encode(), record.key or b"", record.value or b"", headers))


async def databases(system: System) -> AsyncIterator[bytes]:
    """Every document of every database, the log of operations included, and the names of collections."""
    async with AsyncMongoClient[RawBSONDocument](system.mongodb, document_class=RawBSONDocument) as client:
        for database in await client.list_database_names():
            for collection in await client[database].list_collection_names():
                yield collection.encode()
                async for document in client[database][collection].find():
                    yield bytes(document.raw)


async def valkey(system: System) -> AsyncIterator[bytes]:
    """Every key and its dump."""
    async with redis.asyncio.Redis.from_url(system.valkey) as client:
        await client.config_set("rdbcompression", "no")  # in a dump that is compressed nothing would be found
        async for key in client.scan_iter():
            yield key + (await client.dump(key) or b"")


async def metrics(system: System) -> AsyncIterator[bytes]:
    """The metrics page of every process."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for url in system.health.values():
            answer = await client.get(f"{url}/metrics")
            assert answer.status_code == 200
            yield answer.content


def contents(file: Path) -> bytes:
    """A file as it is now; nothing of one that was removed since it was listed."""
    try:
        return file.read_bytes().rstrip(b"\0")
    except FileNotFoundError:
        return b""
