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
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.processes import processes
from tests.acceptance.system import read_env
from tests.bench import samples
from tests.bench.bill import SERVERS, Bill
from tests.bench.far import FarEnds
from tests.bench.outcome import outcome
from tests.bench.processes import Usage, peak_mb, thread_seconds
from tests.bench.recording import record
from tests.running import Run

_OPERATORS = """
operators:
  bench:
    links:
      - name: bench-1
        host: 127.0.0.1
        port: {port}
        system_id: bench
        password_env: BENCH_PASSWORD
        window: {window}
routes:
  - {{prefix: "+", operator: bench}}
"""
NO_LIMITS = {
    **{f"BUDSTIKKE_{what}_{how}": "1000000" for what in ("MESSAGES", "PARTS") for how in ("PER_SECOND", "BURST")},
    "BUDSTIKKE_MESSAGES_PER_MONTH": "1000000000",
    "BUDSTIKKE_SIGNALS_VOLUME": "1000000000",
    "BENCH_PASSWORD": "bench",
}
_FIRST, _FIRST_WARM, _PROBE = 40_000_000, 41_000_000, 46_000_000
"""Numbers of messages are those of Norwegian mobiles, too."""
_IDLE = 40.0
"""Seconds without any progress after which a run is given up."""
_AFTER = 3.0
"""Seconds after the last callback in which the system has nothing to do, or work that it put off."""


def operators(smsc_port: int, window: int) -> str:
    """An operators file: everything to this SMSC, over one bind."""
    return _OPERATORS.format(port=smsc_port, window=window)


@contextmanager
def gateway(folder: Path, ends: FarEnds, window: int) -> Iterator[Run]:
    """The whole system before this SMSC, on fresh state and without limits; ready."""
    file = folder / "operators.yaml"
    file.write_text(operators(ends.smsc_port, window))
    os.environ.update(NO_LIMITS)
    run = Run(folder, file)
    run.start()
    try:
        run.wait_ready()
        yield run
    finally:
        run.stop()


class Bench:
    """One gateway under load."""

    def __init__(self, run: Run, ends: FarEnds, options: argparse.Namespace) -> None:
        self._ends = ends
        self._options = options
        self._expected = 0
        told = read_env(run.local_env)
        self.pids = {name: stamp.pid for name, stamp in run.stamps().items()}
        self._request = {
            "port": told["BUDSTIKKE_API"].rpartition(":")[2],
            "method": "POST",
            "request": "/v1/messages",
            "header": f"Authorization: Bearer {told['BUDSTIKKE_KEY']}",
            "body": json.dumps(
                {
                    "to": "+47{n}",
                    "text": "{rawtext}",
                    "callback_url": f"http://127.0.0.1:{ends.sink_port}/dlr?n={{n}}",
                }
            ),
        }

    def round(self, name: str, first: int, count: int, rate: int = 0) -> Mapping[str, float]:
        """Send so many messages and wait for their callbacks, or until nothing moves any more."""
        pace = {"rate": rate} if rate else {}
        work = {**self._request, "n": count, "from": first, "conc": self._options.connections, **pace}
        figures = self._ends.load(name, work, self._options.deadline)
        self._expected += count
        seen, moved = 0, time.monotonic()
        while seen < self._expected and time.monotonic() - moved < _IDLE:
            if (now := self._ends.state("sink")["distinct"]) != seen:
                seen, moved = now, time.monotonic()
            time.sleep(0.1)
        return figures


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
    peers = Path(os.environ["BENCH_PEERS"]) if os.environ.get("BENCH_PEERS") else None
    ends = FarEnds(folder, peers, response_delay_ms=options.response_delay)
    os.environ.update(samples.environment(folder / "samples") if options.profile else {})
    ends.start()
    try:
        with gateway(folder, ends, options.window) as run:
            bench = Bench(run, ends, options)
            bench.round("probe", _PROBE, 1)
            bench.round("warm-up", _FIRST_WARM, options.warm_up)
            python = {name: pid for name, pid in bench.pids.items() if options.profile and name not in SERVERS}
            servers = {name: bench.pids[name] for name in SERVERS if options.profile}
            threads = {name: thread_seconds(pid) for name, pid in servers.items()}
            with samples.sampled(python):
                before = Usage.of(bench.pids | ends.pids)
                figures = bench.round("load", _FIRST, options.messages, options.rate)
                end = Usage.of(bench.pids | ends.pids)
            time.sleep(_AFTER)
            usage = (before, end, Usage.of(bench.pids | ends.pids))
            _keep_metrics(folder, run)
            peaks = {name: peak_mb(pid) for name, pid in bench.pids.items()}
            for name, pid in servers.items():
                shown = _threads(options.messages, threads[name], thread_seconds(pid))
                _say(f"\n{name}, µs a message by thread: {shown}")
            for name, pid in python.items():
                _say(f"\n{name}\n" + "\n".join(samples.table(samples.functions(folder / "samples", pid))))
    finally:
        ends.stop()
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
