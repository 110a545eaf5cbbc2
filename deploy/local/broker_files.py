"""What the broker needs on this machine before it can start: its jars, and what its virtual machine has learned."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from deploy.local.terminal import Terminal

_LEARNS_WITHIN = 90.0  # seconds; 6 on a machine that does nothing else


def prepare(folder: Path, terminal: Terminal) -> tuple[Path, ...]:
    """The broker's jars in a cache, fetched under the eyes of whoever waits for them. Raises Fatal."""
    wanted = read_list()
    cache = JarCache(folder)
    few = cache.missing(wanted)
    if few:
        terminal.line(f"  fetching Kafka: {len(few)} files, 43 MB in all")
    paths = cache.ensure(wanted, lambda done, total: terminal.waiting([f"{done} of {total} files"]))
    if few:
        terminal.done("kafka", f"{len(few)} files fetched, each with the right checksum")
    if not Kafka.classes(paths).exists():
        terminal.line("  starting Kafka once, so that it starts in less than half the time from now on")
        learn(paths)
    return paths


def learn(jars: Sequence[Path]) -> None:
    """Start and stop a broker of its own, whose virtual machine writes down what it learned. Raises Fatal `not_ready`.

    Two at once do no harm. Without the file, which a virtual machine that is out of memory may fail to write, a broker
    starts as well, and takes longer.
    """
    classes = Kafka.classes(jars)
    with tempfile.TemporaryDirectory(dir=classes.parent, prefix=".learning-") as name:
        folder = Path(name)
        broker = Kafka(
            data=folder / "data",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=jars,
            learn=folder / classes.name,
        )
        try:
            broker.start()
            broker.wait_ready()
            broker.stop(_LEARNS_WITHIN)
        finally:
            broker.kill()
        if not (folder / classes.name).exists():
            return
        for old in classes.parent.glob("classes-*.aot"):
            old.unlink(missing_ok=True)
        (folder / classes.name).replace(classes)
