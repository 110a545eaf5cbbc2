"""Each server keeps its data over an orderly stop, kill -9 and a move to other ports."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.valkey import Valkey
from shared.errors import Fatal


@pytest.fixture
def at_the_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_kafka(tmp_path: Path, jars: tuple[Path, ...], at_the_end: ExitStack) -> Callable[[], Kafka]:
    def build() -> Kafka:
        broker = Kafka(
            data=tmp_path / "data",
            log=tmp_path / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=jars,
            heap_mb=256,
        )
        at_the_end.callback(broker.kill)
        return broker

    return build


@pytest.fixture
def new_mongodb(tmp_path: Path, at_the_end: ExitStack) -> Callable[[], MongoDB]:
    def build() -> MongoDB:
        server = MongoDB(data=tmp_path / "data", log=tmp_path / "mongodb.log", port=free_port())
        at_the_end.callback(server.kill)
        return server

    return build


@pytest.fixture
def new_valkey(tmp_path: Path, at_the_end: ExitStack) -> Callable[[], Valkey]:
    def build() -> Valkey:
        server = Valkey(data=tmp_path / "data", log=tmp_path / "valkey.log", port=free_port())
        at_the_end.callback(server.kill)
        return server

    return build


async def write_record(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait("kept", b"before")


async def read_record(bootstrap: str) -> bytes:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        await consumer.seek_to_beginning()
        record = await consumer.getone()
        return bytes(record.value)


def test_kafka_comes_back_after_kill_on_other_ports(new_kafka: Callable[[], Kafka]) -> None:
    first = new_kafka()
    first.start()
    first.wait_ready()
    asyncio.run(write_record(first.bootstrap))
    first.kill()
    second = new_kafka()
    second.start()
    second.wait_ready()
    assert asyncio.run(read_record(second.bootstrap)) == b"before"
    second.stop()
    assert not second.process.running


def test_a_half_formatted_kafka_is_formatted_again(new_kafka: Callable[[], Kafka], tmp_path: Path) -> None:
    (tmp_path / "data/log").mkdir(parents=True)
    (tmp_path / "data/log/meta.properties").write_text("version=1\n")
    (tmp_path / "data.new/log").mkdir(parents=True)
    broker = new_kafka()
    broker.start()
    broker.wait_ready()


def test_a_cluster_id_may_begin_with_a_dash(new_kafka: Callable[[], Kafka], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.kafka.uuid.uuid4", lambda: uuid.UUID(int=0xFB << 120))
    broker = new_kafka()
    broker.start()
    broker.wait_ready()


def test_a_jar_that_is_none_is_reported_by_kafka_s_own_words(tmp_path: Path) -> None:
    broker = Kafka(
        data=tmp_path / "data",
        log=tmp_path / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        jars=[tmp_path / "none.jar"],
    )
    with pytest.raises(Fatal, match="StorageTool"):
        broker.start()


def test_mongodb_comes_back_after_kill_on_another_port(new_mongodb: Callable[[], MongoDB]) -> None:
    first = new_mongodb()
    first.start()
    first.wait_ready()
    with MongoClient[dict[str, int]](first.uri) as client:
        client["kept"]["rows"].with_options(write_concern=WriteConcern("majority", j=True)).insert_one({"_id": 1})
    first.kill()
    second = new_mongodb()
    second.start()
    second.wait_ready()
    with MongoClient[dict[str, int]](second.uri) as client:
        assert client["kept"]["rows"].count_documents({}) == 1
    second.stop()
    assert second.process.exit_code == 0


def test_valkey_comes_back_after_kill(new_valkey: Callable[[], Valkey]) -> None:
    first = new_valkey()
    first.start()
    first.wait_ready()
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "1")
        client.execute_command("WAITAOF", 1, 0, 5000)
    first.kill()
    second = new_valkey()
    second.start()
    second.wait_ready()
    with redis.Redis.from_url(second.url) as client:
        assert client.get("kept") == b"1"
    second.stop()
    assert second.process.exit_code == 0


def test_a_taken_port_is_reported_before_anything_starts(tmp_path: Path, valkey: str) -> None:
    taken = int(valkey.rpartition(":")[2].partition("/")[0])
    server = Valkey(data=tmp_path / "data", log=tmp_path / "valkey.log", port=taken)
    with pytest.raises(Fatal, match=r"taken by process \d+ \(.*valkey-server") as caught:
        server.start()
    assert caught.value.code == "port_in_use"
    assert not (tmp_path / "data").exists()


def test_a_server_whose_pid_file_was_left_behind_is_replaced(new_valkey: Callable[[], Valkey]) -> None:
    first, second = new_valkey(), new_valkey()
    first.start()
    first.wait_ready()
    second.start()
    second.wait_ready()
    assert not first.process.running
