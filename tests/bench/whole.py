"""The whole gateway on fresh state, between a load, an SMSC and a sink for callbacks, all on this machine.

Each message is 60 characters by HTTP over one of some kept connections, one part to the SMSC over one bind, a receipt
back, and a callback to the URL that the message brought. One probe and a smaller round come first: the broker's code is
compiled by then.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.acceptance.system import read_env
from tests.bench.far import FarEnds
from tests.running import Run, beside

FIRST: Final = 40_000_000
"""Number of the first message; the numbers are those of Norwegian mobiles, too."""
_FIRST_WARM, _PROBE = 45_000_000, 46_000_000
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
_START = 400.0
"""Seconds until all is ready, of as many processes as there are roles, beside other work; a quiet machine takes 30."""
_IDLE = 60.0
"""Seconds without any progress after which a run is given up."""


def operators(smsc_port: int, window: int) -> str:
    """An operators file: everything to this SMSC, over one bind."""
    return _OPERATORS.format(port=smsc_port, window=window)


class Traffic:
    """Messages through one gateway."""

    def __init__(self, run: Run, ends: FarEnds, connections: int, deadline: float) -> None:
        self._ends = ends
        self._connections = connections
        self._deadline = deadline
        self._expected = 0
        self.told: Mapping[str, str] = read_env(run.local_env)
        """What the run tells other programs: addresses and keys."""
        self.pids = {name: stamp.pid for name, stamp in run.stamps().items()}
        """Of its processes."""
        self._request = {
            "port": self.told["BUDSTIKKE_API"].rpartition(":")[2],
            "method": "POST",
            "request": "/v1/messages",
            "header": f"Authorization: Bearer {self.told['BUDSTIKKE_KEY']}",
            "body": json.dumps(
                {
                    "to": "+47{n}",
                    "text": "{rawtext}",
                    "callback_url": f"http://127.0.0.1:{ends.sink_port}/dlr?n={{n}}",
                }
            ),
        }

    def post(self, name: str, first: int, count: int, rate: int = 0) -> Mapping[str, float]:
        """Send so many messages, as fast as the door answers or at a pace; what the load says of it."""
        pace = {"rate": rate} if rate else {}
        work = {**self._request, "n": count, "from": first, "conc": self._connections, **pace}
        figures = self._ends.load(name, work, self._deadline)
        self._expected += count
        return figures

    def wait(self) -> Iterator[int]:
        """Look until the callbacks of all that was sent are there, or nothing moves any more; how many are missing."""
        seen, moved = -1, time.monotonic()
        while seen < self._expected and time.monotonic() - moved < _IDLE:
            if (now := self._ends.state("sink")["distinct"]) != seen:
                seen, moved = now, time.monotonic()
            yield self._expected - seen
            time.sleep(0.1)

    def round(self, name: str, first: int, count: int, rate: int = 0) -> Mapping[str, float]:
        """Post, and wait."""
        figures = self.post(name, first, count, rate)
        for _ in self.wait():
            pass
        return figures


class Standing(NamedTuple):
    """A gateway that is ready and warm, and its far ends. Their logs can be read once it has ended."""

    run: Run
    ends: FarEnds
    traffic: Traffic


def placed(folder: Path, *, window: int, response_delay_ms: int) -> tuple[Run, FarEnds]:
    """A run that will send to the ends beside it, and those. Nothing is started."""
    peers = Path(os.environ["BENCH_PEERS"]) if os.environ.get("BENCH_PEERS") else None
    file = folder / "operators.yaml"
    run = Run(folder, file)
    ends = FarEnds(folder, beside(run.base), peers, response_delay_ms=response_delay_ms)
    file.write_text(operators(ends.smsc_port, window))
    return run, ends


@contextmanager
def standing(
    folder: Path,
    *,
    window: int = 50,
    response_delay_ms: int = 0,
    warm_up: int = 5_000,
    connections: int = 32,
    deadline: float = 600.0,
    split: bool = False,
) -> Iterator[Standing]:
    """Start it, without limits; `split` into a process for each role. The far ends are ours in Python, or with
    `BENCH_PEERS` the binary `bench` of that folder.
    """
    run, ends = placed(folder, window=window, response_delay_ms=response_delay_ms)
    os.environ.update(NO_LIMITS)
    ends.start()
    try:
        run.start(split=split)
        try:
            run.wait_ready(_START)
            traffic = Traffic(run, ends, connections, deadline)
            traffic.round("probe", _PROBE, 1)
            traffic.round("warm-up", _FIRST_WARM, warm_up)
            yield Standing(run, ends, traffic)
        finally:
            run.stop()
    finally:
        ends.stop()
