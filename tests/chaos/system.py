"""The whole system as processes that can be killed, put to sleep and started again. Beside it an operator and a
customer that are left alone: they are the witnesses.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from deploy.local import plan, topics
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.process import Process
from deploy.local.service import Service
from deploy.local.settings import ROOT, LocalSettings, Port
from deploy.local.supervisor import Part
from deploy.local.valkey import Valkey
from shared.errors import Fatal
from shared.tasks import end
from simulators.smsc.behaviour import Behaviour
from tests.chaos.beside import customer, customer_ports
from tests.chaos.clocks import Clock, Clocks
from tests.chaos.load import CALLERS
from tests.chaos.rest import charged, unrest
from tests.chaos.small_disk import SmallDisk
from tests.provisioning import provisioned
from tests.support import wait_until

WINDOW: Final = 25
BINDS: Final = 2
UNRESOLVED: Final = 2 * WINDOW
"""Parts that the crash of a sender, or the loss of a link, may leave unresolved on one bind (promise P3)."""
RESPONSE_TIMEOUT: Final = 3.0
CALM: Final = {"response_delay_ms": 60, "receipt_delay_ms": 150, "receipt_scatter_ms": 100}
"""An operator that does as it should; its answers take long enough that something is always under way."""

_DISK_MB = 1_500
_ANSWER = 5.0
_START = 150.0
_GLANCE = 0.2  # seconds between two looks at processes that may have ended
_OPERATORS = f"""
operators:
  fjord:
    links:
      - name: fjord-1
        host: 127.0.0.1
        port: @FJORD@
        system_id: fjord
        password_env: BUDSTIKKE_SMSC_PASSWORD
        binds: {BINDS}
        window: {WINDOW}
        response_timeout: {RESPONSE_TIMEOUT}
        enquire_link: 2
routes:
  - {{prefix: "+47", operator: fjord}}
"""


class ChaosSystem:
    """On ports from `base` on, and in `folder`; `split` into a process for each role. What ends is started again,
    whoever ended it, as a cluster would.

    Use it from one thread: children die with the thread that started them.
    """

    def __init__(self, folder: Path, jars: Sequence[Path], base: int, *, split: bool) -> None:
        self.settings = LocalSettings(port_base=base, var=folder, split=split)
        self.services: dict[str, Service] = {}
        self.ended_alone: list[str] = []
        """Processes that ended without having been killed, with their exit codes."""
        self.operator = httpx.AsyncClient(base_url=self._url(Port.FJORD_CONTROL), trust_env=False, timeout=30.0)
        told, control = customer_ports(base)
        self.customer = httpx.AsyncClient(base_url=f"http://127.0.0.1:{control}", trust_env=False, timeout=30.0)
        self.door = httpx.AsyncClient(
            base_url=self._url(Port.API),
            timeout=_ANSWER,
            trust_env=False,
            limits=httpx.Limits(max_connections=CALLERS),
        )
        """The front door, once started as the demo customer."""
        self.callback = f"http://127.0.0.1:{told}/told"
        self.disk = SmallDisk(self.settings.data / "small", _DISK_MB)
        """Where the broker's log is."""
        self.clocks = Clocks()
        self._jars = jars
        self._away: set[str] = set()
        self._servers: dict[str, Part] = {}
        self._told: dict[str, str] = {}
        self._at_the_end = ExitStack()

    @property
    def kafka(self) -> str:
        """Bootstrap address."""
        return f"127.0.0.1:{self.settings.port(Port.KAFKA)}"

    @property
    def mongodb(self) -> str:
        """URI."""
        return f"mongodb://127.0.0.1:{self.settings.port(Port.MONGODB)}/?replicaSet=rs0"

    def start(self, *, small_disk: bool) -> None:
        """Start everything, and wait until it is ready; the broker on a disk of its own, if that can be."""
        settings, port = self.settings, self.settings.port
        if small_disk:
            self.disk.mount()
        self._at_the_end.callback(self.disk.unmount)
        kafka = Kafka(
            data=self.disk.folder / "kafka",
            log=settings.logs / "kafka.log",
            port=port(Port.KAFKA),
            controller_port=port(Port.KAFKA_CONTROLLER),
            jars=self._jars,
            heap_mb=384,
        )
        mongodb = MongoDB(data=settings.data / "mongodb", log=settings.logs / "mongodb.log", port=port(Port.MONGODB))
        valkey = Valkey(data=settings.data / "valkey", log=settings.logs / "valkey.log", port=port(Port.VALKEY))
        self._servers = {"kafka": kafka, "mongodb": mongodb, "valkey": valkey}
        settings.var.mkdir(parents=True, exist_ok=True)
        settings.operators.write_text(_OPERATORS.replace("@FJORD@", str(port(Port.FJORD_SMPP))))
        self._start([valkey, mongodb, kafka, *plan.simulators(settings), customer(settings)])
        topics.catalogue(settings).create(kafka.bootstrap)
        self._told = plan.environment(settings, kafka=kafka.bootstrap, mongodb=mongodb.uri, valkey=valkey.url)
        self.door.headers["authorization"] = f"Bearer {provisioned(settings, self._told)}"
        services = plan.services(settings, self._told)
        self.services = {service.process.name: service for service in services}
        self._start(services)

    @asynccontextmanager
    async def looked_after(self) -> AsyncIterator[None]:
        """Start again whatever ends."""
        await self.calm_down()
        reviving = asyncio.create_task(self._revive())
        try:
            yield
        finally:
            await end(reviving)
            await self.door.aclose()
            await self.operator.aclose()
            await self.customer.aclose()

    def stop(self) -> None:
        """End everything at once."""
        self._at_the_end.close()

    def kill(self, *names: str) -> None:
        """kill -9 of services or servers; a service is started again at once, a server by `bring_back`."""
        self._away |= set(names) & set(self._servers)
        for name in names:
            self._part(name).process.kill()
            if name in self.services:
                self.services[name].start()

    def bring_back(self, *names: str) -> None:
        """Start servers again."""
        for name in names:
            self._servers[name].start()
        self._away -= set(names)

    async def whole(self) -> None:
        """Wait until every part does its work."""
        for name, part in (self._servers | self.services).items():
            await wait_until(partial(asyncio.to_thread, part.ready), _START, waiting_for=f"{name} to be ready")

    async def sleep(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        pid = self._part(name).process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def clock_of(self, name: str) -> AsyncIterator[Clock]:
        """Start a service anew on a clock that leaps, and in the end on that of the machine; it ends in good order."""
        clock = self.clocks.clock(self.settings.data / f"{name}.clock")
        await self._begin_anew(name, self._told | dict(clock.environment))
        assert clock.rules(self.services[name].process.pid), "the library is not in the process"
        try:
            yield clock
        finally:
            await self._begin_anew(name, self._told)

    async def _begin_anew(self, name: str, told: Mapping[str, str]) -> None:
        self._away.add(name)
        await asyncio.to_thread(self.services[name].stop)
        (service,) = (each for each in plan.services(self.settings, told) if each.process.name == name)
        self._at_the_end.callback(service.process.kill)
        self.services[name] = service
        service.start()
        self._away.discard(name)
        await wait_until(partial(asyncio.to_thread, service.ready), _START, waiting_for=f"{name} to be ready")

    def another(self, service: str, role: str) -> Process:
        """A further process of a role, started; it ends with the run at the latest."""
        further = Process(
            f"another {role}",
            [sys.executable, "-m", f"services.{service}", role],
            log=self.settings.logs / f"another-{role}.log",
            pid_file=self.settings.processes / f"another-{role}.pid",
            environment=plan.with_health_port(self._told, 0),
            folder=ROOT,
        )
        self._at_the_end.callback(further.kill)
        further.start()
        return further

    def forget(self, name: str) -> None:
        """Delete the data of a server that was killed."""
        shutil.rmtree(self.settings.data / name)

    async def behave(self, **settings: Any) -> None:
        """Change how the operator behaves."""
        (await self.operator.put("/control", json=settings)).raise_for_status()

    async def calm_down(self) -> None:
        """Let the operator do as it should."""
        await self.behave(**(msgspec.to_builtins(Behaviour()) | CALM))

    async def drop_links(self) -> None:
        """Break every link to the operator."""
        (await self.operator.delete("/links")).raise_for_status()

    async def counters(self) -> Mapping[str, int]:
        """What the operator counted since its start."""
        counters: Mapping[str, int] = (await self.operator.get("/control")).json()["counters"]
        return counters

    async def unrest(self) -> Sequence[str]:
        """What is not at rest."""
        return await unrest(self.kafka, self.mongodb)

    async def charged(self) -> Mapping[str, int]:
        """Parts in the usage ledger, by message."""
        return await charged(self.mongodb)

    def last_words(self) -> str:
        """The ends of all services' logs."""
        return "\n".join(f"{name}: {each.process.last_words(6)}" for name, each in self.services.items())

    async def _revive(self) -> None:
        while True:
            await asyncio.sleep(_GLANCE)
            for name, part in (self._servers | self.services).items():
                if not part.process.running and name not in self._away:
                    self.ended_alone.append(f"{name} ({part.process.exit_code})")
                    with suppress(Fatal):  # its port is still taken: the next look
                        part.start()

    def _part(self, name: str) -> Part:
        return self._servers.get(name) or self.services[name]

    def _url(self, port: Port) -> str:
        return self.settings.url(port)

    def _start(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._at_the_end.callback(part.process.kill)
            part.start()
        for part in parts:
            part.process.wait_ready(part.ready, _START)
