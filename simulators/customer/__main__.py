"""`python -m simulators.customer [--port N] [--control-port M]`: one simulated customer's receiver until SIGTERM.

Says `{"ready": true, "port": …, "control_port": …}` on one line of standard output once both ports are open.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec
import uvloop

from shared.clock import SystemClock
from shared.http import HttpServer
from shared.lifecycle import Component, Health, Process
from shared.telemetry.logs import configure_logs
from simulators.customer.control import control
from simulators.customer.receiver import Receiver


class _Announcement:
    """Last to start: says where to find the others."""

    name = "announcement"

    def __init__(self, receiver: Receiver, http: HttpServer) -> None:
        self._receiver = receiver
        self._http = http

    async def start(self) -> None:
        line = msgspec.json.encode({"ready": True, "port": self._receiver.port, "control_port": self._http.port})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()

    async def stop(self, deadline: float) -> None:
        """Nothing to release."""

    async def wait(self) -> None:
        await asyncio.Event().wait()

    def health(self) -> Health:
        return Health(ready=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.customer", description="A simulated customer.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--keep", type=int, default=100_000, help="requests kept for GET /deliveries")
    parser.add_argument("--log-level", default="warning")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    receiver = Receiver(arguments.port, keep=arguments.keep)
    http = HttpServer("control", control(receiver), "127.0.0.1", arguments.control_port, setting="--control-port")
    components: list[Component] = [receiver, http, _Announcement(receiver, http)]
    return await Process(components, SystemClock(), start_seconds=10.0, drain_seconds=5.0).run()


def main() -> int:
    """Parse, run, return the exit code."""
    arguments = _arguments()
    configure_logs("simulator", "customer", arguments.log_level)
    return uvloop.run(_run(arguments))


if __name__ == "__main__":
    sys.exit(main())
