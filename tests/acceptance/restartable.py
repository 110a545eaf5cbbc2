"""The system in single parts, of the same plan as `make run`, which would end as soon as one of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.local import plan, topics
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.service import Service
from deploy.local.settings import LocalSettings, Port
from deploy.local.supervisor import Part
from deploy.local.valkey import Valkey
from tests.provisioning import provisioned
from tests.running import START, free_base
from tests.support import wait_until


class RestartableSystem:
    """Everything on ports and in a folder of its own; `services` by the names of the plan."""

    def __init__(self, folder: Path, jars: Sequence[Path]) -> None:
        self.settings = LocalSettings(port_base=free_base(), var=folder)
        self.services: dict[str, Service] = {}
        self.key = ""
        self._jars = jars
        self._at_the_end = ExitStack()

    @property
    def api(self) -> str:
        """The front door's address."""
        return self.settings.url(Port.API)

    @property
    def fjord(self) -> str:
        """The control interface of the operator of Norwegian numbers."""
        return self.settings.url(Port.FJORD_CONTROL)

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        settings, port = self.settings, self.settings.port
        kafka = Kafka(
            data=settings.data / "kafka",
            log=settings.logs / "kafka.log",
            port=port(Port.KAFKA),
            controller_port=port(Port.KAFKA_CONTROLLER),
            jars=self._jars,
            heap_mb=256,
        )
        mongodb = MongoDB(data=settings.data / "mongodb", log=settings.logs / "mongodb.log", port=port(Port.MONGODB))
        valkey = Valkey(data=settings.data / "valkey", log=settings.logs / "valkey.log", port=port(Port.VALKEY))
        plan.write_operators(settings)
        self._start([valkey, mongodb, kafka, *plan.simulators(settings)])
        topics.catalogue(settings).create(kafka.bootstrap)
        told = plan.environment(settings, kafka=kafka.bootstrap, mongodb=mongodb.uri, valkey=valkey.url)
        self.key = provisioned(settings, told)
        services = plan.services(settings, told)
        self.services = {service.process.name: service for service in services}
        self._start(services)

    async def restart(self, name: str) -> None:
        """Start a service that has ended, and wait until it is ready.

        From the calling thread: a child dies with the thread that started it.
        """
        service = self.services[name]
        service.start()
        await wait_until(lambda: asyncio.to_thread(service.ready), START, waiting_for=f"{name} to be ready")

    async def ended(self, name: str, deadline: float) -> int | None:
        """Exit code of a service once it has ended; fails after `deadline` seconds."""
        process = self.services[name].process
        await wait_until(lambda: not process.running, deadline, waiting_for=f"{name} to end")
        return process.exit_code

    def stop(self) -> None:
        """End whatever runs, at once."""
        self._at_the_end.close()

    def _start(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._at_the_end.callback(part.process.kill)
            part.start()
        for part in parts:
            part.process.wait_ready(part.ready, START)
