"""What accepting a message costs: `python -m tests.bench.bench_accept`.

Starts a broker, a database and the role `api` in a process of its own, then sends over keep-alive connections:
once as fast as the door answers (CPU per request), once at a fixed rate (latency from the moment a request was due).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import msgspec
import uvloop

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from deploy.local.valkey import Valkey
from shared.contracts.topics import LOCAL, specs
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from tests.bench.processes import cpu_seconds
from tests.bench.targets import Target, judged

PER_CORE = Target("accepted, a second of the api's CPU", 8_000, "requests")
SLOWEST = Target("accepted at 1,000 a second, p99", 25, "ms", at_most=True)
SLOWEST_KEYED = Target("the same with idempotency keys, p99", 25, "ms", at_most=True)
_ROUNDS = 3

_KEY_HEADER = "idempotency-key: {key}\r\n"
_BODY = {"to": "+4799999999", "text": "Timen din er i morgen kl. 09.00.", "reference": "ref-1", "category": "otp"}


class Result(msgspec.Struct, frozen=True):
    """Latencies in seconds, sorted; `cpu` in seconds of the api's process."""

    latencies: list[float]
    seconds: float
    cpu: float
    refused: int

    def at(self, part: float) -> float:
        """The latency within which this share was answered, in milliseconds."""
        return self.latencies[min(int(len(self.latencies) * part), len(self.latencies) - 1)] * 1000

    def row(self, name: str) -> str:
        """One line of the table."""
        count = len(self.latencies)
        times = "".join(f"{self.at(part):7.1f}" for part in (0.5, 0.99, 0.999))
        return f"{name:34}{count / self.seconds:9,.0f}{self.cpu / count * 1e6:9.0f}{times}{self.refused:9}"


class Connection(asyncio.Protocol):
    """One request at a time over one connection; calls `done` with the status of each answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float) -> None:
        """Send; `due` is when the request should have gone."""
        assert self._transport is not None
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = body[length:]
            self._pool.answered(self, int(head[9:12]), time.perf_counter() - self._due)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """Sends `total` requests over `size` connections; with `rate`, each when it is due. `{key}` in the request becomes
    an idempotency key of its own.
    """

    def __init__(self, request: bytes, total: int, rate: float | None) -> None:
        self._request = request
        self._prefix = secrets.token_hex(8)
        self._total = total
        self._rate = rate
        self._sent = 0
        self._began = 0.0
        self._free: deque[Connection] = deque()
        self.latencies: list[float] = []
        self.refused = 0
        self.finished = asyncio.Event()

    async def run(self, host: str, port: int, size: int) -> None:
        """Send all and wait for all answers."""
        loop = asyncio.get_running_loop()
        connections = [(await loop.create_connection(lambda: Connection(self), host, port))[1] for _ in range(size)]
        self._free.extend(connections)
        self._began = time.perf_counter()
        while self._sent < self._total and not self.finished.is_set():
            self._send_due()
            await asyncio.sleep(0.0005 if self._rate else 0.05)
        await self.finished.wait()
        for connection in connections:
            connection.close()

    def answered(self, connection: Connection, status: int, latency: float) -> None:
        """Note an answer, use the connection again."""
        self.latencies.append(latency)
        self.refused += status != httpx.codes.ACCEPTED
        self._free.append(connection)
        if len(self.latencies) == self._total:
            self.finished.set()
        else:
            self._send_due()

    def _send_due(self) -> None:
        now = time.perf_counter()
        while self._free and self._sent < self._total:
            due = now if self._rate is None else self._began + self._sent / self._rate
            if due > now:
                return
            self._sent += 1
            key = f"{self._prefix}-{self._sent:08}".encode()
            self._free.popleft().send(self._request.replace(b"{key}", key, 1), due)


@contextmanager
def stack(folder: Path) -> Iterator[dict[str, str]]:
    """A broker, a database and Valkey; the environment of the role, with limits that nobody reaches."""
    jars = JarCache(ROOT / "var/cache/jars").ensure(read_list())
    kafka = Kafka(
        data=folder / "kafka", log=folder / "kafka.log", port=free_port(), controller_port=free_port(), jars=jars
    )
    mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
    valkey = Valkey(data=folder / "valkey", log=folder / "valkey.log", port=free_port())
    secret = folder / "secret"
    secret.write_text("s" * 43)
    try:
        for server in (kafka, mongodb, valkey):
            server.start()
        for server in (kafka, mongodb, valkey):
            server.wait_ready()
        asyncio.run(create(KafkaSettings(bootstrap=kafka.bootstrap), specs([], LOCAL)))
        yield {
            **os.environ,
            "BUDSTIKKE_HEALTH_PORT": str(free_port()),
            "BUDSTIKKE_API_PORT": str(free_port()),
            "BUDSTIKKE_KAFKA": kafka.bootstrap,
            "BUDSTIKKE_MONGODB": mongodb.uri,
            "BUDSTIKKE_VALKEY": valkey.url,
            **{f"BUDSTIKKE_{name}_PER_SECOND": "100000" for name in ("MESSAGES", "PARTS")},
            **{f"BUDSTIKKE_{name}_BURST": "1000000" for name in ("MESSAGES", "PARTS")},
            "BUDSTIKKE_KEY_STORE": str(folder / "keys"),
            "BUDSTIKKE_DLR_API": "http://127.0.0.1:9",
            "BUDSTIKKE_INTERNAL_SECRET": str(secret),
        }
    finally:
        valkey.kill()
        mongodb.kill()
        kafka.kill()


@contextmanager
def api(environment: dict[str, str], command: Sequence[str], log: Path) -> Iterator[int]:
    """The role in a process of its own; its pid."""
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "-m", "services.ingest", "api"], env=environment, cwd=ROOT, stdout=output)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{environment['BUDSTIKKE_HEALTH_PORT']}/ready").is_success:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the api did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def measure(
    port: int, pid: int, key: str, body: object, *, total: int, size: int, rate: float | None, keyed: bool = False
) -> Result:
    """One run; `keyed` gives each request an idempotency key."""
    content = msgspec.json.encode(body)
    request = (
        f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        f"{_KEY_HEADER if keyed else ''}content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    ).encode() + content

    async def run() -> Pool:
        pool = Pool(request, total, rate)
        await asyncio.wait_for(pool.run("127.0.0.1", port, size), 300)
        return pool

    began, before = time.perf_counter(), cpu_seconds(pid)
    pool = uvloop.run(run())
    return Result(sorted(pool.latencies), time.perf_counter() - began, cpu_seconds(pid) - before, pool.refused)


def say(line: str) -> None:
    """One line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run and print the table; 1 when a target is missed or a request was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000, help="requests of a run at full speed")
    parser.add_argument("--profile", type=Path, help="write a cProfile of the api there")
    options = parser.parse_args()
    command = [sys.executable]
    if options.profile:
        command += ["-m", "cProfile", "-o", str(options.profile)]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, stack(Path(name)) as environment:
        folder = Path(name)
        subprocess.run(
            [sys.executable, "-m", "services.ingest", "provision-demo", "--key-file", str(folder / "demo-key")],
            env=environment,
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        key = (folder / "demo-key").read_text().strip()
        port = int(environment["BUDSTIKKE_API_PORT"])
        with api(environment, command, folder / "api.log") as pid:
            measure(port, pid, key, _BODY, total=options.requests // 2, size=32, rate=None)
            say(f"{'':34}{'req/s':>9}{'CPU µs':>9}{'p50 ms':>7}{'p99 ms':>7}{'p999':>7}{'refused':>9}")
            for lane in ("express", "standard"):
                body = {**_BODY, "lane": lane}
                for size in (32, 128):
                    full = measure(port, pid, key, body, total=options.requests, size=size, rate=None)
                    say(full.row(f"{lane}, {size} connections"))
                paced = measure(port, pid, key, body, total=10_000, size=64, rate=1000.0)
                say(paced.row(f"{lane}, 1,000 a second"))
            for size in (32, 128):
                full = measure(port, pid, key, _BODY, total=options.requests, size=size, rate=None, keyed=True)
                say(full.row(f"idempotent, {size} connections"))
            paced = measure(port, pid, key, _BODY, total=10_000, size=64, rate=1000.0, keyed=True)
            say(paced.row("idempotent, 1,000 a second"))
            many = {**_BODY, "to": [f"+479{number:07}" for number in range(1000)], "lane": "bulk"}
            say(measure(port, pid, key, many, total=50, size=4, rate=None).row("bulk, 1,000 recipients a request"))
            return targets(port, pid, key, options.requests)


def targets(port: int, pid: int, key: str, requests: int) -> int:
    """The figures that are asked for, best of three."""
    body = {**_BODY, "lane": "standard"}
    full = [measure(port, pid, key, body, total=requests, size=128, rate=None) for _ in range(_ROUNDS)]
    paced, keyed = (
        [measure(port, pid, key, body, total=10_000, size=64, rate=1000.0, keyed=with_keys) for _ in range(_ROUNDS)]
        for with_keys in (False, True)
    )
    if any(result.refused for result in (*full, *paced, *keyed)):
        say("LOST: a request was refused")
        return 1
    return judged(
        {
            PER_CORE: [len(result.latencies) / result.cpu for result in full],
            SLOWEST: [result.at(0.99) for result in paced],
            SLOWEST_KEYED: [result.at(0.99) for result in keyed],
        }
    )


if __name__ == "__main__":
    sys.exit(main())
