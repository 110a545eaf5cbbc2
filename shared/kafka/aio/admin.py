"""Topics on aiokafka. Its admin client raises for little: the error codes in the answers are what counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from shared.errors import BadSettings, Refused, TryLater
from shared.kafka.aio.common import address_of, ended, options
from shared.kafka.aio.errors import translate, translated
from shared.kafka.port import TopicSpec, TopicState
from shared.kafka.settings import KafkaSettings

_UNKNOWN_TOPIC, _FORBIDDEN, _EXISTS = 3, 29, 36
_SET_ON_TOPIC = 1  # config_source of DescribeConfigs: DYNAMIC_TOPIC_CONFIG
_LOOKS, _BETWEEN_LOOKS = 200, 0.05


class AioAdmin:
    """A client for topics."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._connected: AIOKafkaAdminClient | None = None

    @property
    def _admin(self) -> AIOKafkaAdminClient:
        if self._connected is None:
            raise TryLater("kafka_admin_closed", "the admin client is not started, or closed")
        return self._connected

    async def start(self) -> None:
        """Connect."""
        admin = AIOKafkaAdminClient(**options(self._settings))
        self._connected = admin
        try:
            with translated(f"connect to {address_of(self._settings)}"):
                async with asyncio.timeout(self._settings.start_timeout):
                    await admin.start()
        except BaseException:
            await self.close(self._settings.request_timeout)
            raise

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Partition counts of those that exist."""
        return {name: len(found) for name, found in (await self._metadata(topics)).items()}

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicState]:
        """Those that exist, with their configuration. One that goes between the two questions does not exist."""
        metadata = await self._metadata(topics)
        if not metadata:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in metadata]
        with translated("describe topics"):
            answers = await self._admin.describe_configs(resources)
        configs = {}
        for code, message, _, name, entries in (resource for answer in answers for resource in answer.resources):
            if code == 0:
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
            elif code != _UNKNOWN_TOPIC:
                raise translate(for_code(code)(message), f"describe topic {name}")
        return {
            name: TopicState(name, len(found), len(found[0]["replicas"]), configs[name])
            for name, found in metadata.items()
            if name in configs
        }

    async def create(self, specs: Sequence[TopicSpec]) -> frozenset[str]:
        """Create what does not exist, wait until the brokers know it, and say what did not exist."""
        topics = [
            NewTopic(spec.name, spec.partitions, spec.replication or 1, None, dict(spec.config)) for spec in specs
        ]
        with translated("create topics"):
            answer = await self._admin.create_topics(topics)
        created = set()
        for name, code, message in answer.topic_errors:
            if code not in (0, _EXISTS):
                error = for_code(code)
                if error.retriable:
                    raise translate(error(message), f"create topic {name}")
                raise Refused("kafka_topic_refused", f"topic {name}: {error.__name__} {message or ''}".rstrip())
            if code != _EXISTS:
                created.add(name)
        await self._appeared([spec.name for spec in specs])
        return frozenset(created)

    async def close(self, timeout: float) -> None:
        """Disconnect. Never raises."""
        admin, self._connected = self._connected, None
        if admin is not None:
            await ended(admin.close(), timeout)

    async def _appeared(self, names: Sequence[str]) -> None:
        """Wait until all leaders are known: the controller answers before the brokers have heard."""
        for _ in range(_LOOKS):
            if await self._led(names):
                return
            await asyncio.sleep(_BETWEEN_LOOKS)
        raise TryLater("kafka_unavailable", "created topics without leaders")

    async def _led(self, names: Sequence[str]) -> bool:
        found = await self._metadata(names)
        return len(found) == len(set(names)) and all(p["leader"] >= 0 for parts in found.values() for p in parts)

    async def _metadata(self, topics: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Partitions of the topics that exist."""
        if not topics:
            return {}
        with translated("describe topics"):
            answers = await self._admin.describe_topics(list(topics))
        found, forbidden = {}, list[str]()
        for answer in answers:
            name, code = answer["topic"], answer["error_code"]
            if code == 0:
                found[name] = answer["partitions"]
            elif code == _FORBIDDEN:
                forbidden.append(name)
            elif code != _UNKNOWN_TOPIC:
                raise translate(for_code(code)(), f"describe topic {name}")
        if forbidden:
            raise self._forbidden(forbidden)
        return found

    def _forbidden(self, topics: Sequence[str]) -> BadSettings:
        who = self._settings.credentials
        user = f"the user {who.username} of BUDSTIKKE_KAFKA_USER" if who else "a client without BUDSTIKKE_KAFKA_USER"
        detail = (
            f"{user} may not describe {', '.join(sorted(topics))}: log in as the role's own user, or add the rights"
        )
        return BadSettings("kafka_not_authorised", detail)
