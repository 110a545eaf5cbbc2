"""What charges phone bills, as processes that can be killed: the role `strex`, the role `premium`, MongoDB.

The simulated Strex is not killed: it is the judge. Kafka is given.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.process import Process
from deploy.local.settings import ROOT
from services.billing.premium.role import GROUP as BOOKS_GROUP
from services.dispatch.strex.callbacks import PATH
from services.dispatch.strex.role import GROUP as STREX_GROUP
from tests.integration.billing.premium.driving import leave
from tests.support import wait_until
from tests.unit.dispatch.strex.orders import AGREEMENT

API_KEY: Final = "chaos"
VICTIMS: Final = ("strex", "billing", "mongodb")
AT_ONCE: Final = 8
"""So many calls to Strex are under way at a time: no more orders than that are lost sight of by one kill."""


class System:
    """`folder` holds data, keys and logs."""

    def __init__(self, folder: Path, kafka: str) -> None:
        self.keys = folder / "keys"
        self._kafka = kafka
        self._folder = folder
        self._port, self._control, reports = free_port(), free_port(), free_port()
        pem = folder / "strex.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        agreements = folder / "agreements.yaml"
        agreements.write_bytes(msgspec.json.encode({"agreements": [AGREEMENT]}))
        told = {
            "HEALTH_PORT": "0",
            "KAFKA": kafka,
            "MONGODB": self.mongodb.uri,
            "KEY_STORE": str(self.keys),
            "STREX_URL": self.strex_url,
            "STREX_KEY": str(pem),
            "STREX_KEY_NAME": "chaos",
            "STREX_PORT": str(reports),
            "STREX_REPORTS": f"http://127.0.0.1:{reports}",
            "STREX_SECONDS": "3",
            "STREX_AT_ONCE": str(AT_ONCE),
            "STREX_GONE_SECONDS": "6",
            "PREMIUM_AGREEMENTS": str(agreements),
        }
        environment = os.environ | {f"BUDSTIKKE_{name}": value for name, value in told.items()}
        self._reports = f"http://127.0.0.1:{reports}{PATH}"
        self._simulator = self._process(
            "simulator",
            [
                *("simulators.strex", "--port", str(self._port), "--control-port", str(self._control)),
                *("--key", f"chaos={pem}", "--api-key", API_KEY, "--settle", "0.1", "--seed", "7"),
            ],
        )
        self._roles = {
            "strex": self._process("strex", ("services.dispatch", "strex"), environment),
            "billing": self._process("billing", ("services.billing", "premium"), environment),
        }
        self._groups = {"strex": STREX_GROUP, "billing": BOOKS_GROUP}
        self.http = httpx.AsyncClient(timeout=30.0, trust_env=False)

    @property
    def strex_url(self) -> str:
        """Where the simulated Strex takes calls."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start everything and wait until it listens."""
        self.mongodb.start()
        self._simulator.start()
        await self._mongodb_is_back()
        await wait_until(self._simulator_listens, 20.0, waiting_for="the simulated Strex")
        for role in self._roles.values():
            role.start()

    async def stop(self) -> None:
        """End everything."""
        for process in (*self._roles.values(), self._simulator):
            process.kill()
        self.mongodb.kill()
        await self.http.aclose()

    async def kill(self, victim: str) -> None:
        """kill -9, and start it again at once."""
        if victim == "mongodb":
            self.mongodb.kill()
            self.mongodb.start()
            await self._mongodb_is_back()
            self._revive()
            return
        self._roles[victim].kill()
        await leave(self._kafka, self._groups[victim])
        self._roles[victim].start()

    async def misbehave(self, **settings: Any) -> None:
        """Have the simulated Strex lose, double and reorder reports, and break off calls."""
        body = {"master_url": self._reports, **settings}
        (await self.http.put(self.control("/control"), json=body)).raise_for_status()

    async def profile(self, number: str, profile: Mapping[str, Any]) -> None:
        """What one subscriber is like."""
        (await self.http.put(self.control(f"/profiles/{number}"), json=profile)).raise_for_status()

    async def totals(self) -> dict[str, int]:
        """What the simulated Strex moved, in øre, and how often it was asked."""
        totals: dict[str, int] = (await self.http.get(self.control("/control"))).json()["totals"]
        return totals

    async def transactions(self) -> list[dict[str, Any]]:
        """Everything that it has."""
        found: list[dict[str, Any]] = (await self.http.get(self.control("/transactions"))).json()["transactions"]
        return found

    @property
    def daily_files(self) -> str:
        """Where it has its files, by `{date}`."""
        return f"{self.strex_url}/api/export/transactions/{{date}}.csv"

    def control(self, path: str) -> str:
        """An address of its control interface."""
        return f"http://127.0.0.1:{self._control}{path}"

    def last_words(self) -> str:
        """The ends of the roles' logs."""
        return "\n".join(f"{name}: {role.last_words(8)}" for name, role in self._roles.items())

    def _revive(self) -> None:
        """A role may end when its database goes; whoever runs it starts it again."""
        for role in self._roles.values():
            if not role.running:
                role.start()

    async def _mongodb_is_back(self) -> None:
        async def ready() -> bool:
            return await asyncio.to_thread(self.mongodb.ready)

        await wait_until(ready, 60.0, waiting_for="MongoDB")

    async def _simulator_listens(self) -> bool:
        try:
            return (await self.http.get(self.control("/ready"))).is_success
        except httpx.HTTPError:
            return False

    def _process(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Process:
        return Process(
            name,
            [sys.executable, "-m", *arguments],
            log=self._folder / f"{name}.log",
            pid_file=self._folder / f"{name}.pid",
            environment=environment,
            folder=ROOT,
        )
