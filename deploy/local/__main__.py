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
_DEMO = "demo-"


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
    **{f"{_DEMO}{step}": partial(demo, step) for step in STEPS},
}


def main(arguments: list[str]) -> int:
    """Run one command; the exit code, 2 for one that is not there."""
    terminal = Terminal()
    name = arguments[0] if arguments else ""
    if name not in _COMMANDS:
        terminal.failed(_not_there(name))
        return 2
    try:
        return _COMMANDS[name](read(os.environ), terminal)
    except BudstikkeError as error:
        terminal.failed(error.detail)
        return 1


def _not_there(name: str) -> str:
    """With what there is instead: the steps of the tour to whoever wants one of them."""
    there = [one for one in _COMMANDS if one.startswith(_DEMO) or not name.startswith(_DEMO)]
    return f"there is no `{name}`; there are {', '.join(there)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
