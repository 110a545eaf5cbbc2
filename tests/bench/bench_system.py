"""What a message costs, from the door to the customer's callback: `make bench`.

Starts the whole gateway on fresh state, an SMSC, a sink for callbacks and a load, all on this machine. Each message is
60 characters by HTTP over one of 32 kept connections, one part to the SMSC over one bind, a receipt back, and a
callback to the URL that the message brought. One probe and a smaller round come first: the broker's code is compiled
by then.

CPU is counted from before the load until the last callback, of our own processes, by pid. The far ends are apart: ours
in Python, or with `BENCH_PEERS` the binary `bench` of that folder. Fails if a message that was answered 2xx is lost,
goes out twice, or is called back twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.processes import processes
from tests.bench import samples
from tests.bench.bill import SERVERS, Bill
from tests.bench.outcome import outcome
from tests.bench.processes import Usage, peak_mb, thread_seconds
from tests.bench.recording import record
from tests.bench.whole import FIRST, standing
from tests.running import Run

_AFTER = 3.0
"""Seconds after the last callback in which the system has nothing to do, or work that it put off."""


def _threads(messages: int, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """The threads that cost most, in µs a message."""
    spent = {name: seconds - before.get(name, 0) for name, seconds in after.items()}
    most = sorted(spent.items(), key=lambda item: -item[1])[:10]
    return ", ".join(f"{name} {seconds * 1e6 / messages:.0f}" for name, seconds in most)


def _keep_metrics(folder: Path, run: Run) -> None:
    """What each process counted, for whoever keeps the folder."""
    for placed in processes(run.settings):
        answer = httpx.get(f"http://127.0.0.1:{placed.health}/metrics", trust_env=False)
        (folder / f"{placed.name}.metrics").write_text(answer.text)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _measure(folder: Path, options: argparse.Namespace) -> bool:
    """One run; whether nothing was lost or doubled."""
    load = os.getloadavg()[0]
    os.environ.update(samples.environment(folder / "samples") if options.profile else {})
    with standing(
        folder,
        window=options.window,
        response_delay_ms=options.response_delay,
        warm_up=options.warm_up,
        connections=options.connections,
        deadline=options.deadline,
    ) as (run, ends, traffic):
        python = {name: pid for name, pid in traffic.pids.items() if options.profile and name not in SERVERS}
        servers = {name: traffic.pids[name] for name in SERVERS if options.profile}
        threads = {name: thread_seconds(pid) for name, pid in servers.items()}
        with samples.sampled(python):
            before = Usage.of(traffic.pids | ends.pids)
            figures = traffic.round("load", FIRST, options.messages, options.rate)
            end = Usage.of(traffic.pids | ends.pids)
        time.sleep(_AFTER)
        usage = (before, end, Usage.of(traffic.pids | ends.pids))
        _keep_metrics(folder, run)
        peaks = {name: peak_mb(pid) for name, pid in traffic.pids.items()}
        for name, pid in servers.items():
            shown = _threads(options.messages, threads[name], thread_seconds(pid))
            _say(f"\n{name}, µs a message by thread: {shown}")
        for name, pid in python.items():
            _say(f"\n{name}\n" + "\n".join(samples.table(samples.functions(folder / "samples", pid))))
    result = outcome(ends.log("load"), ends.log("smsc"), ends.log("sink"))
    found = [*result.figures(), *Bill(options.messages, *usage, peaks, figures["cpu_s"]).figures()]
    for figure in found:
        _say(f"{figure.name:32}{figure.reached}")
    if options.record and result.good:
        record("system", found, load=load)
    return result.good


def main() -> int:
    """Run and print; 1 when a message was lost, doubled or refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--warm-up", type=int, default=5_000, help="messages before those that count")
    parser.add_argument("--connections", type=int, default=32, help="of the load to the door")
    parser.add_argument("--rate", type=int, default=0, help="messages a second; 0 is as fast as the door answers")
    parser.add_argument("--window", type=int, default=50, help="parts without an answer on the bind")
    parser.add_argument("--response-delay", type=int, default=0, help="ms that the SMSC takes for an answer")
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds for one load")
    parser.add_argument("--profile", action="store_true", help="sample our processes, and print what costs most")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    parser.add_argument("--keep", type=Path, help="keep logs and data in this new folder")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return 0 if _measure(folder, options) else 1
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
