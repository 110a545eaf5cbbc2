"""The three far ends of the bench, each a process of its own: `python -m tests.bench.ends smsc|sink|http-load --…`.

They take the options, print the answers and write the logs of the binary `bench` that other gateways are measured
with, so that binary can stand in for them (`BENCH_PEERS`). They know no more of SMPP and HTTP than the bench needs:
what they cost, the gateway cannot have. Times in logs are of the monotonic clock, in nanoseconds.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.ends import load, sink, smsc

Run = Callable[[Namespace], Coroutine[Any, Any, None]]


def main() -> None:
    """Run one end until SIGTERM, or until the load is done."""
    parser = ArgumentParser(prog="python -m tests.bench.ends", description=__doc__)
    ends = parser.add_subparsers(required=True)
    for name, run, numbers in (
        ("smsc", smsc.run, {"port": 0, "ctl": 0, "resp-delay-ms": 0, "dlr-delay-ms": 0}),
        ("sink", sink.run, {"port": 0, "ctl": 0}),
        ("http-load", load.run, {"port": 0, "n": 1000, "from": 0, "conc": 32, "rate": 0}),
    ):
        end = ends.add_parser(name)
        end.set_defaults(run=run)
        end.add_argument("--log", type=Path, required=True)
        for option, default in numbers.items():
            end.add_argument(f"--{option}", type=int, default=default)
        if name == "http-load":
            for option in ("method", "request", "header", "ctype", "body"):
                end.add_argument(f"--{option}", default="")
            end.add_argument("--deadline-s", type=float, default=600.0)
    options = parser.parse_args()
    chosen: Run = options.run
    uvloop.run(chosen(options))


if __name__ == "__main__":
    main()
