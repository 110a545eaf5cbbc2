"""`python -m services.<service> <role> [<role>…]`: what the `__main__` of every service has in common.

A service names a builder per role; a builder reads the role's settings and returns its components in the order in
which they start.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from random import SystemRandom
from typing import Final

import msgspec
import uvloop
from prometheus_client import CollectorRegistry

from shared.clock import Clock, SystemClock
from shared.errors import BadSettings
from shared.http import HttpServer, probes
from shared.kafka.metrics import KafkaMetrics
from shared.lifecycle import Component, Process
from shared.settings import RoleSettings, load
from shared.telemetry.logs import configure_logs, get_log
from shared.telemetry.process import ProcessMetrics


class Context(msgspec.Struct, frozen=True):
    """What a builder is given: the sources of time and chance, and where metrics are registered.

    The kit's metrics are one set per process, whatever number of roles shares it.
    """

    clock: Clock
    random: SystemRandom
    registry: CollectorRegistry
    kafka_metrics: KafkaMetrics


Build = Callable[[Context], Sequence[Component]]

_YOUNG: Final = 50_000
"""More than a stage makes of one batch and lets go of again: with 10,000 the collector took 10 % of `dlr` under load,
looking at what was about to go (3 % so).
"""
_COLLECTIONS: Final = 20


def serve(service: str, roles: Mapping[str, Build], arguments: Sequence[str]) -> int:
    """Run the named roles in this process until SIGTERM. Returns the exit code (2 for a usage or settings error)."""
    wanted = list(dict.fromkeys(arguments))
    if not wanted or not set(wanted) <= set(roles):
        print(f"usage: python -m services.{service} <role> [<role>…]; roles: {', '.join(roles)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        settings = load(RoleSettings)
    except BadSettings as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201
        return 2
    configure_logs(service, "+".join(wanted), settings.log_level)
    return uvloop.run(_serve(settings, [roles[role] for role in wanted]))


async def _serve(settings: RoleSettings, builds: Sequence[Build]) -> int:
    """Build inside the loop, answer the probes from the first moment to the last."""
    registry = CollectorRegistry()
    clock = SystemClock()
    ProcessMetrics(registry, clock)
    context = Context(clock=clock, random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry))
    try:
        components = [component for build in builds for component in build(context)]
    except BadSettings as error:
        get_log().error("bad_settings", code=error.code, detail=error.detail)
        return 2
    process = Process(
        components, context.clock, start_seconds=settings.start_seconds, drain_seconds=settings.drain_seconds
    )
    health = HttpServer(
        "probes", probes(process.health, registry), settings.host, settings.health_port, setting="BUDSTIKKE_HEALTH_PORT"
    )
    try:
        await health.start()
    except BadSettings as error:
        get_log().error("bad_settings", code=error.code, detail=error.detail)
        return 2
    leave_alone_what_stays()
    try:
        return await process.run()
    finally:
        await health.stop(1.0)


def leave_alone_what_stays() -> None:
    """Modules and components live as long as the process: the garbage collector need not look at them again, nor at
    what is young after every 700 objects. Hardly anything of ours is in cycles: the collector took a quarter of what
    it costs to accept a message (84 µs of CPU with its defaults, 63 so), 10 % of a hop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _COLLECTIONS, _COLLECTIONS)
