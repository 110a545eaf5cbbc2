"""`python -m deploy.local {run|stop|topics|jars|demo-…}`: what the Makefile calls once `.venv` is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from deploy.local import broker_files, local_env, topics
from deploy.local.instance import stop_other
from deploy.local.ports import HOST
from deploy.local.run import run
from deploy.local.settings import LocalSettings, Port, read
from deploy.local.terminal import Terminal
from deploy.local.tour.gateway import Gateway
from deploy.local.tour.steps import STEPS, walk
from deploy.topics.catalogue import remedy
from shared.errors import BudstikkeError

_STOP = 120.0


def stop(settings: LocalSettings, terminal: Terminal) -> int:
    """End the run of this data folder."""
    terminal.line(stop_other(settings.var, _STOP))
    return 0


def make_topics(settings: LocalSettings, terminal: Terminal) -> int:
    """Create the catalogue's missing topics on a running stack, list all, and say where the broker differs (1)."""
    bootstrap = f"{HOST}:{settings.port(Port.KAFKA)}"
    catalogue = topics.catalogue(settings)
    new = catalogue.create(bootstrap)
    for spec in catalogue.specs:
        terminal.line(f"{spec.name:<40} {spec.partitions:>3} partitions{'   new' if spec.name in new else ''}")
    drifts = catalogue.compare(bootstrap)
    for drift in drifts:
        terminal.failed(remedy(drift))
    return 1 if drifts else 0


def fetch_jars(settings: LocalSettings, terminal: Terminal) -> int:
    """Fill the cache of what the broker needs."""
    broker_files.prepare(settings.jars, terminal)
    return 0


def demo(step: str, settings: LocalSettings, terminal: Terminal) -> int:
    """Show one step of the tour on the running system."""
    with Gateway(local_env.read(settings.environment)) as gateway:
        walk(gateway, terminal, [step])
    return 0


_COMMANDS: dict[str, Callable[[LocalSettings, Terminal], int]] = {
    "run": run,
    "stop": stop,
    "topics": make_topics,
    "jars": fetch_jars,
    **{f"demo-{step}": partial(demo, step) for step in STEPS},
}


def main(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    terminal = Terminal()
    try:
        return _COMMANDS[arguments[0]](read(os.environ), terminal)
    except BudstikkeError as error:
        terminal.failed(error.detail)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
