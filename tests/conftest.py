"""The real stack for tests: each part starts when the first test asks for it and stops with the session.

Take the smallest that does: `kafka`, `mongodb` and `valkey` alone, or `stack` for all three. They are shared by all
tests of a session, so a test uses topics, databases and keys of its own.

With several workers (`make test`) each has a stack of its own, and the tests of one file stay together on one worker.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import SHARE, free_port
from deploy.local.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Two workers never look for the same free port: whoever looks first has not taken it yet.

    And what is logged in the tests' own process is plain: structlog draws each traceback with all locals unless told,
    which holds a loop up for as much as nine seconds (measured).
    """
    render = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], render])
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[SHARE] = f"{worker.removeprefix('gw')}/{os.environ['PYTEST_XDIST_WORKER_COUNT']}"


class OneStackEach(LoadScopeScheduling):
    """One file, one worker; the whole system is started once, so all tests that need it stay together."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "acceptance" if path.startswith("tests/acceptance/") else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStackEach:
    """Ours, whatever `--dist` says: groups by mark are lost between xdist 3.8 and pytest 9.2, which keeps names."""
    return OneStackEach(config, log)


@dataclass(frozen=True)
class Stack:
    """Addresses of a running stack: bootstrap `host:port`, MongoDB URI by replica set, `redis://` URL."""

    kafka: str
    mongodb: str
    valkey: str


@pytest.fixture(scope="session")
def jars() -> tuple[Path, ...]:
    """The broker's jars, from the checkout's cache."""
    return JarCache(ROOT / "var/cache/jars").ensure(read_list())


@pytest.fixture(scope="session")
def kafka(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a broker without topics."""
    folder = tmp_path_factory.mktemp("kafka")
    broker = Kafka(
        data=folder / "data",
        log=folder / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        jars=jars,
    )
    try:
        broker.start()
        broker.wait_ready()
        yield broker.bootstrap
    finally:
        broker.kill()


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URI of an empty replica set."""
    folder = tmp_path_factory.mktemp("mongodb")
    server = MongoDB(data=folder / "data", log=folder / "mongodb.log", port=free_port())
    try:
        server.start()
        server.wait_ready()
        yield server.uri
    finally:
        server.kill()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty server."""
    folder = tmp_path_factory.mktemp("valkey")
    server = Valkey(data=folder / "data", log=folder / "valkey.log", port=free_port())
    try:
        server.start()
        server.wait_ready()
        yield server.url
    finally:
        server.kill()


@pytest.fixture(scope="session")
def stack(kafka: str, mongodb: str, valkey: str) -> Stack:
    """All three."""
    return Stack(kafka, mongodb, valkey)
