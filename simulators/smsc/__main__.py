"""`python -m simulators.smsc --name NAME [--smpp-port N] [--control-port M] …`: one simulated SMSC until SIGTERM.

Says `{"ready": true, "smpp_port": …, "control_port": …}` on one line of standard output once both ports are open.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec
import uvloop

from shared.clock import SystemClock
from shared.http import HttpServer
from shared.lifecycle import Health, Process
from shared.telemetry.logs import configure_logs
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.control import control
from simulators.smsc.smsc import Options, Smsc


class _Announcement:
    """Last to start: says where to find the others."""

    name = "announcement"

    def __init__(self, smsc: Smsc, http: HttpServer) -> None:
        self._smsc = smsc
        self._http = http

    async def start(self) -> None:
        line = msgspec.json.encode({"ready": True, "smpp_port": self._smsc.port, "control_port": self._http.port})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()

    async def stop(self, deadline: float) -> None:
        """Nothing to release."""

    async def wait(self) -> None:
        await asyncio.Event().wait()

    def health(self) -> Health:
        return Health(ready=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.smsc", description="A simulated SMSC (SMPP 3.4).")
    parser.add_argument("--name", required=True)
    parser.add_argument("--smpp-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--system-id", help="without it everybody may bind")
    parser.add_argument("--password")
    parser.add_argument("--receipt-delay", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--keep", type=int, default=50_000, help="messages kept whole for GET /messages")
    parser.add_argument("--log-level", default="warning")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    options = Options(
        name=arguments.name,
        smpp_port=arguments.smpp_port,
        system_id=arguments.system_id,
        password=arguments.password,
        bodies=arguments.keep,
    )
    smsc = Smsc(options, Behaviour(receipt_delay_ms=round(arguments.receipt_delay * 1000)), clock)
    http = HttpServer("control", control(smsc), "127.0.0.1", arguments.control_port, setting="--control-port")
    return await Process([smsc, http, _Announcement(smsc, http)], clock, start_seconds=10.0, drain_seconds=5.0).run()


def main() -> int:
    """Parse, run, return the exit code."""
    arguments = _arguments()
    configure_logs("simulator", "smsc", arguments.log_level)
    return uvloop.run(_run(arguments))


if __name__ == "__main__":
    sys.exit(main())
