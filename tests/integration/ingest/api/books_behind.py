"""Who stands behind the door for usage and invoices: the role `api` of billing, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.billing.api.role import build_api
from services.billing.database import DATABASE
from services.billing.invoicing.ehf import ehf
from services.billing.invoicing.records import Records
from services.billing.invoicing.store import Issued
from shared.http import HttpServer
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.service import Context
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.api.conftest import CLOCK, SECRET
from tests.integration.ingest.api.premium_behind import keep_premium
from tests.unit.billing import invoices


class BooksBehind:
    """The owner of the books."""

    def __init__(self, mongo: MongoStore, folder: Path) -> None:
        self._books = Records.of(mongo, CLOCK).books
        self._mongo = mongo
        self._folder = folder

    async def premium(self, account: AccountId) -> dict[str, str]:
        """Charges, a refund and a statement of an account; ids by the paths that name them."""
        return await keep_premium(self._mongo, self._folder, account)

    async def invoice(self, account: AccountId) -> str:
        """Issue an invoice to a new customer with this account; its number."""
        customer = msgspec.structs.replace(invoices.CUSTOMER, customer_id=account, accounts=(account,))

        def made(number: int) -> Issued:
            invoice = invoices.invoice(invoices.drafted([invoices.booking(3)]), customer=customer, number=number)
            return Issued(
                number=number,
                period=invoices.NOVEMBER,
                customer_id=account,
                accounts=(account,),
                invoice=invoice,
                document=ehf(invoice),
                sha256="0" * 64,
            )

        return str((await self._books.issue(invoices.NOVEMBER, customer, 100_001, made)).number)


@asynccontextmanager
async def open_books(mongodb: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BooksBehind]:
    """Start the role, and tell doors that are opened from now on where it is."""
    secret = folder / "internal-secret"
    secret.write_text(SECRET)
    for name, value in {
        "HEALTH_PORT": "0",
        "BILLING_API_PORT": "0",
        "MONGODB": mongodb,
        "KEY_STORE": str(folder / "keys"),
        "INTERNAL_SECRET": str(secret),
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    registry = CollectorRegistry()
    components = build_api(
        Context(clock=CLOCK, random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry))
    )
    mongo = MongoStore(mongodb, DATABASE)
    started = []
    try:
        for component in (mongo, *components):
            await component.start()
            started.append(component)
        server = components[-1]
        assert isinstance(server, HttpServer)
        monkeypatch.setenv("BUDSTIKKE_BILLING_API", f"http://127.0.0.1:{server.port}")
        yield BooksBehind(mongo, folder)
    finally:
        for component in reversed(started):
            await component.stop(5.0)
