"""What stands around a sender that is measured: its operators, a broker, a database, and its own process."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port, is_free
from deploy.local.settings import ROOT
from tests.bench import samples

PATIENCE = 60.0


class Smsc:
    """An SMSC in a process of its own, which answers after so many milliseconds."""

    def __init__(self, folder: Path, name: str, delay_ms: int) -> None:
        self.port, self._control, self._log = free_port(), free_port(), folder / f"{name}.csv"
        told = {"port": self.port, "ctl": self._control, "log": self._log, "resp-delay-ms": delay_ms}
        words = [word for key, value in told.items() for word in (f"--{key}", str(value))]
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.ends", "smsc", *words], cwd=ROOT)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it listens."""
        until = time.monotonic() + PATIENCE
        while is_free(self._control) or is_free(self.port):
            assert time.monotonic() < until, "the SMSC does not listen"
            time.sleep(0.05)

    def state(self) -> Mapping[str, int]:
        """What it has seen."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._control}/", timeout=PATIENCE) as answer:
            state: Mapping[str, int] = json.load(answer)
        return state

    def stop(self) -> Sequence[tuple[int, int]]:
        """The numbers of the messages that it got, and when, in ns."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        with self._log.open() as file:
            return [(int(row["no"]), int(row["t_submit_ns"])) for row in csv.DictReader(file)]


@contextmanager
def servers(folder: Path) -> Iterator[tuple[Kafka, MongoDB]]:
    """A broker and a database of our own."""
    jars = JarCache(ROOT / "var/cache/jars").ensure(read_list())
    ports = {"port": free_port(), "controller_port": free_port()}
    kafka = Kafka(data=folder / "kafka", log=folder / "kafka.log", jars=jars, **ports)
    mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
    try:
        kafka.start()
        mongodb.start()
        mongodb.wait_ready()
        kafka.wait_ready()
        yield kafka, mongodb
    finally:
        kafka.kill()
        mongodb.kill()


def pid_of(server: Kafka | MongoDB) -> int:
    """Of one that runs."""
    assert server.process.pid is not None
    return server.process.pid


@contextmanager
def sender(
    folder: Path, kafka: Kafka, mongodb: MongoDB, smscs: Mapping[str, Smsc], *, window: int, profile: bool
) -> Iterator[int]:
    """The role, which serves these SMSCs over one bind each; its process. Folder `keys` is its key store."""
    links = {name: {"name": f"{name}-1", "port": smsc.port, **_LINK, "window": window} for name, smsc in smscs.items()}
    file = folder / "operators.yaml"
    file.write_text(
        json.dumps(
            {
                "operators": {name: {"links": [link]} for name, link in links.items()},
                "routes": [{"prefix": "+", "operator": next(iter(links))}],
            }
        )
    )
    told = {
        "BENCH_PASSWORD": "bench",
        "BUDSTIKKE_HEALTH_PORT": "0",
        "BUDSTIKKE_KAFKA": kafka.bootstrap,
        "BUDSTIKKE_MONGODB": mongodb.uri,
        "BUDSTIKKE_KEY_STORE": str(folder / "keys"),
        "BUDSTIKKE_OPERATORS": str(file),
        **(samples.environment(folder / "samples") if profile else {}),
    }
    with (folder / "sender.log").open("wb") as log:
        command = [sys.executable, "-m", "services.dispatch", "sender"]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told}, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE)


_LINK = {"host": "127.0.0.1", "system_id": "bench", "password_env": "BENCH_PASSWORD"}
