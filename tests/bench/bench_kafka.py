"""What the consumer kit reaches on this machine: `python -m tests.bench.bench_kafka`, or `make bench-kafka`.

One process, 4 partitions, JSON records of 240 bytes. CPU is the process's alone, per record; compare it rather than
the rates, which depend on what else the machine does. Each target counts the best of three rounds. The exit code is 1
when a figure is under 80 % of its target, or a record was lost or doubled. Starts a broker of its own unless it is
given one, and warms it before it measures.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvloop

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from tests.bench.kafka_memory import GROWTH_MB, KINDS
from tests.bench.kafka_stages import Bench, LossOrDouble, Result
from tests.bench.targets import Target, Verdict

TRANSACTIONAL = Target("transactional, batches of 500", 25_000, "records/s")
TRANSACTIONAL_CPU = Target("transactional, batches of 500: CPU", 22, "us a record", at_most=True)
AT_LEAST_ONCE = Target("at least once, each written with acks=all first", 25_000, "records/s")
LATENCY = Target("one record through a transactional stage, p50", 30, "ms", at_most=True)
MEMORY = {kind: Target(f"{kind}: growth of memory", GROWTH_MB, "MB", at_most=True) for kind in KINDS}

_LATENCIES = 200
_MEMORY_DEADLINE = 600.0


def say(line: str) -> None:
    """One line of the table."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def detail(name: str, result: Result) -> str:
    """A figure without a target."""
    line = f"{name:52}{result.rate:12,.0f}{result.cpu_us:9.1f}"
    if result.latencies:
        line += f"{result.latency_ms(50):9.1f}{result.latency_ms(99):9.1f}"
    return line


async def rounds(bench: Bench, count: int, times: int) -> dict[Target, float]:
    """The best figure for each target but memory."""
    figures: dict[Target, list[float]] = {}
    for _ in range(times):
        through = await bench.measure_transactional(count, 500)
        written = await bench.measure_at_least_once(count, write=True)
        single = await bench.measure_latency(_LATENCIES, 0.0)
        for target, figure in (
            (TRANSACTIONAL, through.rate),
            (TRANSACTIONAL_CPU, through.cpu_us),
            (AT_LEAST_ONCE, written.rate),
            (LATENCY, single.latency_ms(50)),
        ):
            figures.setdefault(target, []).append(figure)
    return {target: target.best(found) for target, found in figures.items()}


async def details(bench: Bench, count: int) -> None:
    """What else is worth knowing, once each."""
    say(f"{'':52}{'records/s':>12}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}")
    say(detail("transactional, batches of 100", await bench.measure_transactional(count, 100)))
    say(detail("at least once, finished at once", await bench.measure_at_least_once(count, write=False)))
    say(detail("one record through a stage, linger 5 ms", await bench.measure_latency(_LATENCIES, 0.005)))
    for gathered in (1, 100):
        say(detail(f"sender, {gathered} records a send", await bench.measure_sender(500 * gathered, gathered)))


async def measure(bootstrap: str, count: int, times: int) -> dict[Target, float]:
    """Warm up, measure the targets, then the rest."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    bench = Bench(bootstrap)
    await bench.start()
    try:
        for _ in range(2):
            await bench.measure_transactional(count // 2, 500)
        figures = await rounds(bench, count, times)
        await details(bench, count)
    finally:
        await bench.stop()
    return figures


def growth(bootstrap: str, kind: str, count: int) -> float:
    """Megabytes by which a process of its own grew. Raises LossOrDouble when it counted wrong, or failed."""
    options = ("--bootstrap", bootstrap, "--kind", kind, "--count", str(count))
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.kafka_memory", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_MEMORY_DEADLINE,
    )
    try:
        return float(run.stdout)
    except ValueError:
        raise LossOrDouble(f"{kind}: {run.stderr.strip()[-2000:]}") from None


@contextmanager
def broker() -> Iterator[str]:
    """A broker of our own."""
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as name:
        folder = Path(name)
        kafka = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=JarCache(ROOT / "var/cache/jars").ensure(read_list()),
        )
        try:
            kafka.start()
            kafka.wait_ready()
            yield kafka.bootstrap
        finally:
            kafka.kill()


def bench(bootstrap: str, options: argparse.Namespace) -> int:
    """All measurements, in a table. Returns the exit code."""
    try:
        figures = uvloop.run(measure(bootstrap, options.count, options.rounds))
        for kind, target in MEMORY.items():
            figures[target] = growth(bootstrap, kind, options.memory_count)
    except LossOrDouble as error:
        say(f"LOST OR DOUBLED: {error}")
        return 1
    say("")
    for target, figure in figures.items():
        say(target.row(figure))
    verdicts = {target.verdict(figure) for target, figure in figures.items()}
    say("")
    if Verdict.MISSED in verdicts:
        say("Under 80 % of a target. Is the machine quiet? `--rounds 5` looks longer.")
        return 1
    say("Below a target, within the margin of 20 %." if Verdict.BELOW in verdicts else "Every target is met.")
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="measure on this cluster instead of a broker of our own")
    parser.add_argument("--count", type=int, default=120_000, help="records per run (default 120,000)")
    parser.add_argument("--memory-count", type=int, default=1_000_000, help="records for memory (default 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default 3)")
    options = parser.parse_args()
    if options.bootstrap:
        return bench(options.bootstrap, options)
    with broker() as bootstrap:
        return bench(bootstrap, options)


if __name__ == "__main__":
    sys.exit(main())
