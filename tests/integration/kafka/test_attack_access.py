"""Users who may not do what their stage needs: each refusal names the thing, and ends the stage."""

from __future__ import annotations

import asyncio
import uuid
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from services.ingest.clients.access import BrokerAccess
from shared.errors import Fatal, TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.settings import Credentials, KafkaSettings
from shared.kafka.transactional import TransactionalRunner
from tests.integration.kafka.conftest import BrokerTruth
from tests.integration.kafka.router import LONGEST, Router
from tests.unit.kafka.kit import Kit, copies_to

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import (  # type: ignore[import-untyped]
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        KafkaAdminClient,
        ResourcePattern,
        ResourceType,
    )

PASSWORD = "a-password-of-a-test"


class Guest:
    """A user of the broker, with a kit of its own; `ours` is the kit of somebody who may do everything."""

    def __init__(self, broker: Kafka) -> None:
        self.name = f"guest-{uuid.uuid4().hex[:8]}"
        self._broker = broker
        with BrokerAccess(broker.bootstrap) as access:
            access.set_password(self.name, PASSWORD)
        ours = KafkaSettings(broker.bootstrap)
        self.ours = Kit(AioCluster(ours), ours, BrokerTruth(broker.bootstrap))
        self.kit = self.with_password(PASSWORD)

    def with_password(self, password: str) -> Kit:
        settings = KafkaSettings(
            self._broker.clients_bootstrap, credentials=Credentials(self.name, password), start_timeout=5.0
        )
        return Kit(AioCluster(settings), settings, self.ours.truth)

    def allow(self, operation: ACLOperation, kind: ResourceType, name: str) -> None:
        place = ResourcePattern(kind, name, ACLResourcePatternType.PREFIXED)
        admin = KafkaAdminClient(bootstrap_servers=self._broker.bootstrap)
        try:
            assert not admin.create_acls([ACL(f"User:{self.name}", "*", operation, ACLPermissionType.ALLOW, place)])[
                "failed"
            ]
        finally:
            admin.close()


@pytest.fixture
async def guest(secured: Kafka) -> AsyncIterator[Guest]:
    guest = await asyncio.to_thread(Guest, secured)
    yield guest
    await guest.kit.close()
    await guest.ours.close()


async def test_a_wrong_password(guest: Guest) -> None:
    """A wrong password.

    Holds: the start fails within its time, names the address, the setting and the user, and never the password.
    """
    wrong = guest.with_password("a-wrong-password")
    runner = await wrong.transactional(["t"], copies_to("x"), start=False)
    with pytest.raises(TryLater) as refused:
        await runner.start()
    assert f"{wrong.settings.bootstrap} (BUDSTIKKE_KAFKA) as {guest.name}" in str(refused.value)
    assert "a-wrong-password" not in str(refused.value)
    await wrong.close()


@pytest.mark.parametrize("missing", ["source", "group", "transactional id", "target"])
async def test_a_missing_permission(guest: Guest, missing: str) -> None:
    """An access list without the source topic, the group, the transactional id, or the target topic.

    Holds: the stage ends and names what it was refused; once it is allowed to, it does its work.
    """
    source, target, group = await guest.ours.topic(), await guest.ours.topic(), guest.ours.group()
    await guest.ours.write(source, "a")
    permissions = {
        "source": (ACLOperation.READ, ResourceType.TOPIC, source),
        "dead letters": (ACLOperation.WRITE, ResourceType.TOPIC, f"{source}.dlq"),
        "group": (ACLOperation.READ, ResourceType.GROUP, group),
        "transactional id": (ACLOperation.WRITE, ResourceType.TRANSACTIONAL_ID, group),
        "target": (ACLOperation.WRITE, ResourceType.TOPIC, target),
    }
    for what, permission in permissions.items():
        if what != missing:
            await asyncio.to_thread(guest.allow, *permission)
    runner = await guest.kit.transactional([source], copies_to(target), group=group, start=False)
    with pytest.raises(Fatal, match=rf"kafka_not_authorised.*{permissions[missing][2]}"):
        await run(runner)
    await runner.stop(5.0)
    assert await guest.ours.values(target) == []
    await asyncio.to_thread(guest.allow, *permissions[missing])
    await guest.kit.transactional([source], copies_to(target), group=group)
    await guest.ours.until_values(target, ["a"])


async def run(runner: TransactionalRunner[str]) -> None:
    """Start, and wait for the end."""
    await runner.start()
    await asyncio.wait_for(runner.wait(), 20.0)


async def test_a_service_that_may_do_nothing(guest: Guest, tmp_path: Path) -> None:
    """A service logs in as a user whom no access list names.

    Holds: the process ends with 2 at once; it names every topic that it was refused, the user and its setting,
    never the password.
    """
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    login = {"BUDSTIKKE_KAFKA_USER": guest.name, "BUDSTIKKE_KAFKA_PASSWORD": str(password)}
    code, output = await Router(tmp_path, guest.kit.settings.bootstrap, LONGEST, **login).end()
    assert code == 2, output
    assert "kafka_not_authorised" in output
    assert f"{guest.name} of BUDSTIKKE_KAFKA_USER" in output
    assert all(topic in output for topic in ("sms.accepted.express", "sms.accepted.standard", "sms.facts"))
    assert PASSWORD not in output
