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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from deploy.local.processes import processes
from tests.acceptance.system import read_env
from tests.bench import samples
from tests.bench.far import FarEnds, Log
from tests.bench.processes import Usage, peak_mb, thread_seconds
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
_SERVERS = ("kafka", "mongodb", "valkey")
_FIRST, _FIRST_WARM, _PROBE = 40_000_000, 41_000_000, 46_000_000
"""Numbers of messages are those of Norwegian mobiles, too."""
_IDLE = 40.0
"""Seconds without any progress after which a run is given up."""
_AFTER = 3.0
"""Seconds after the last callback in which late work still counts, in a column of its own."""


class Outcome(msgspec.Struct, frozen=True):
    """One round. Times in seconds, rates per second, `lost` and doubles in messages."""

    accepted: int
    refused: int
    lost: int
    submitted_twice: int
    not_called_back: int
    called_back_twice: int
    accept_rate: float
    submit_rate: float
    callback_rate: float
    end_to_end_rate: float
    accept: Sequence[float]
    accept_to_submit: Sequence[float]

    @property
    def good(self) -> bool:
        """Whether nothing was lost or doubled."""
        return not (self.refused or self.lost or self.submitted_twice or self.not_called_back or self.called_back_twice)


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


def outcome(load: Log, smsc: Log, sink: Log) -> Outcome:
    """Join the logs of one load."""
    accepted = {row["no"]: row for row in load if 200 <= row["status"] < 300}
    numbers = {row["no"] for row in load}
    submits = [(row["no"], row["t_submit_ns"]) for row in smsc if row["no"] in numbers]
    callbacks = [(row["no"], row["t_ns"]) for row in sink if row["no"] in numbers]
    submitted, called = Counter(number for number, _ in submits), Counter(number for number, _ in callbacks)
    began = min(row["t0_ns"] for row in load)
    last = max((at for _, at in callbacks), default=began + 1)
    return Outcome(
        accepted=len(accepted),
        refused=len(load) - len(accepted),
        lost=len(accepted.keys() - submitted.keys()),
        submitted_twice=sum(submitted.values()) - len(submitted),
        not_called_back=len(accepted.keys() - called.keys()),
        called_back_twice=sum(called.values()) - len(called),
        accept_rate=_rate([began, *(row["t1_ns"] for row in accepted.values())]),
        submit_rate=_rate([at for _, at in submits]),
        callback_rate=_rate([at for _, at in callbacks]),
        end_to_end_rate=len(called) / (last - began) * 1e9,
        accept=sorted((row["t1_ns"] - row["t0_ns"]) / 1e9 for row in accepted.values()),
        accept_to_submit=sorted((at - accepted[no]["t1_ns"]) / 1e9 for no, at in submits if no in accepted),
    )


def _rate(times: Sequence[int]) -> float:
    seconds = (max(times, default=0) - min(times, default=0)) / 1e9
    return (len(times) - 1) / seconds if seconds else 0.0


def _quantiles(seconds: Sequence[float]) -> str:
    return ", ".join(f"p{part * 100:g} {seconds[int(len(seconds) * part)] * 1000:,.1f} ms" for part in (0.5, 0.99))


def _report(result: Outcome, count: int, usage: Sequence[Usage], peaks: Mapping[str, float], load_cpu: float) -> None:
    """The figures, and the table of what each process cost."""
    before, end, after = usage
    spent, later = end.since(before), after.since(end)
    _say(
        f"per second: accepted {result.accept_rate:,.0f}, submitted {result.submit_rate:,.0f}, "
        f"called back {result.callback_rate:,.0f}, end to end {result.end_to_end_rate:,.0f}"
    )
    _say(f"answer of the door: {_quantiles(result.accept)}")
    _say(f"from there to the operator: {_quantiles(result.accept_to_submit)}")
    _say(f"\n{'CPU s per 1,000 messages':28}{'in the run':>12}{f'{_AFTER:g} s after':>12}{'peak MB':>10}")
    ours = [name for name in peaks if name not in _SERVERS]
    for name in [*sorted(ours), *_SERVERS]:
        _say(f"{name:28}{spent[name] / count * 1000:12.3f}{later[name] / count * 1000:12.3f}{peaks[name]:10.0f}")
    for name, which in (("ours", ours), ("all", list(peaks))):
        sums = [sum(found[one] for one in which) / count * 1000 for found in (spent, later)]
        _say(f"{name:28}{sums[0]:12.3f}{sums[1]:12.3f}{sum(peaks[one] for one in which):10.0f}")
    far = {**{name: spent[name] for name in spent if name not in peaks}, "load": load_cpu}
    shown = ", ".join(f"{name} {seconds / count * 1000:.3f}" for name, seconds in far.items())
    others = end.others(before) - load_cpu / (end.at - before.at)
    _say(f"far ends: {shown}; cores that others had meanwhile: {others:.2f}")
    _say(
        f"\nlost {result.lost}, submitted twice {result.submitted_twice}, refused {result.refused}, "
        f"not called back {result.not_called_back}, called back twice {result.called_back_twice}"
    )


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
    peers = Path(os.environ["BENCH_PEERS"]) if os.environ.get("BENCH_PEERS") else None
    ends = FarEnds(folder, peers, response_delay_ms=options.response_delay)
    os.environ.update(samples.environment(folder / "samples") if options.profile else {})
    ends.start()
    try:
        with gateway(folder, ends, options.window) as run:
            bench = Bench(run, ends, options)
            bench.round("probe", _PROBE, 1)
            bench.round("warm-up", _FIRST_WARM, options.warm_up)
            python = {name: pid for name, pid in bench.pids.items() if options.profile and name not in _SERVERS}
            servers = {name: bench.pids[name] for name in _SERVERS if options.profile}
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
                spent = {one: cpu - threads[name].get(one, 0) for one, cpu in thread_seconds(pid).items()}
                most = sorted(spent.items(), key=lambda item: -item[1])[:10]
                shown = ", ".join(f"{one} {cpu * 1e6 / options.messages:.0f}" for one, cpu in most)
                _say(f"\n{name}, µs a message by thread: {shown}")
            for name, pid in python.items():
                _say(f"\n{name}\n" + "\n".join(samples.table(samples.functions(folder / "samples", pid))))
    finally:
        ends.stop()
    result = outcome(ends.log("load"), ends.log("smsc"), ends.log("sink"))
    _report(result, options.messages, usage, peaks, figures["cpu_s"])
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
