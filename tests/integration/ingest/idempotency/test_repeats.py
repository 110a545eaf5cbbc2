"""The state machine of crashes and time once more, on the real database."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from services.ingest.idempotency.store import ClaimStore, Rows
from shared.stores.mongodb import MongoStore
from tests.unit.ingest.idempotency.machine import Repeats


def test_the_promise_holds_on_the_real_database(mongodb: str) -> None:
    class OnMongo(Repeats):
        def make_rows(self) -> Rows:
            self.mongo = MongoStore(mongodb, f"ingest_{uuid4().hex[:12]}")
            self.loop.run_until_complete(self.mongo.start())
            return ClaimStore(self.mongo.database)

        def teardown(self) -> None:
            self.loop.run_until_complete(self.mongo.database.client.drop_database(self.mongo.database.name))
            self.loop.run_until_complete(self.mongo.stop(1.0))
            super().teardown()

    run_state_machine_as_test(OnMongo, settings=settings(max_examples=6, stateful_step_count=20, deadline=None))
