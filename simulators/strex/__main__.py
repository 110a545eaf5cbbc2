"""`python -m simulators.strex [--port N] [--control-port M] …`: one simulated Strex until SIGTERM.

Says `{"ready": true, "port": …, "control_port": …}` on one line of standard output once both ports are open.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec

from shared.clock import SystemClock
from shared.errors import BadSettings
from shared.http import HttpServer
from shared.lifecycle import Component, Health, Process
from shared.strex.signatures import PublicKey, read_private_key
from shared.telemetry.logs import configure_logs
from simulators.strex.api import api
from simulators.strex.authentication import Authentication
from simulators.strex.behaviour import Behaviour
from simulators.strex.callbacks import Callbacks
from simulators.strex.control import control
from simulators.strex.misbehaving import Misbehaving
from simulators.strex.strex import Strex

SERVER_KEY = "2023-11-01"


class _Announcement:
    """Last to start: says where to find the others."""

    name = "announcement"

    def __init__(self, http: HttpServer, control_http: HttpServer) -> None:
        self._http = http
        self._control = control_http

    async def start(self) -> None:
        line = msgspec.json.encode({"ready": True, "port": self._http.port, "control_port": self._control.port})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()

    async def stop(self, deadline: float) -> None:
        """Nothing to release."""

    async def wait(self) -> None:
        await asyncio.Event().wait()

    def health(self) -> Health:
        return Health(ready=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.strex", description="A simulated Strex Connect.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--api-key", action="append", default=[], help="an API key that is good (may be repeated)")
    parser.add_argument(
        "--key", action="append", default=[], metavar="NAME=FILE", help="a private key (PEM) whose owner may sign"
    )
    parser.add_argument("--reports", metavar="URL", help="where direct charges and reversals are told of")
    parser.add_argument("--settle", type=float, default=0.3, metavar="SECONDS", help="from a charge to its end")
    parser.add_argument("--seed", type=int, help="the same chances each time")
    parser.add_argument("--log-level", default="warning")
    return parser.parse_args()


def _keys(given: Sequence[str]) -> dict[str, PublicKey]:
    """Public keys by name. Raises `BadSettings`."""
    keys = {}
    for one in given:
        name, _, file = one.partition("=")
        try:
            keys[name] = read_private_key(Path(file).read_bytes()).public_key()
        except (OSError, ValueError) as error:
            raise BadSettings("bad_settings", f"--key {name}: {error}") from None
    return keys


async def _run(arguments: argparse.Namespace, keys: dict[str, PublicKey]) -> int:
    clock, random = SystemClock(), Random(arguments.seed)
    strex = Strex(Behaviour(settle_ms=round(arguments.settle * 1000), master_url=arguments.reports), clock, random)
    authentication = Authentication(clock, frozenset(arguments.api_key))
    authentication.keys.update(keys)
    own = ec.generate_private_key(ec.SECP256R1())
    callbacks = Callbacks(lambda: strex.behaviour, own, SERVER_KEY, clock, random)
    strex.on_change = callbacks.tell
    faults = Misbehaving(api(strex, authentication, {SERVER_KEY: own.public_key()}), lambda: strex.behaviour)
    http = HttpServer("strex", faults, "127.0.0.1", arguments.port, setting="--port")
    controls = control(strex, authentication, callbacks, faults)
    control_http = HttpServer("control", controls, "127.0.0.1", arguments.control_port, setting="--control-port")
    parts: list[Component] = [strex, callbacks, http, control_http, _Announcement(http, control_http)]
    return await Process(parts, clock, start_seconds=10.0, drain_seconds=5.0).run()


def main() -> int:
    """Parse, run, return the exit code."""
    arguments = _arguments()
    configure_logs("simulator", "strex", arguments.log_level)
    try:
        return uvloop.run(_run(arguments, _keys(arguments.key)))
    except BadSettings as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
