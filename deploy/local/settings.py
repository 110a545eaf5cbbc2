"""Settings of a run on one machine: where its data lie and which ports it takes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

import msgspec

from shared.errors import BadSettings

ROOT = Path(__file__).resolve().parents[2]
_LEAST, _MOST = 1024, 65_400


class Port(IntEnum):
    """Every port of a run, as its distance from PORT_BASE."""

    API = 0
    DLR_API = 1
    KAFKA = 20
    KAFKA_CONTROLLER = 21
    KAFKA_CLIENTS = 22
    MONGODB = 30
    VALKEY = 40
    API_HEALTH = 50
    SCREENING_HEALTH = 51
    DISPATCH_HEALTH = 52
    DLR_HEALTH = 53
    FJORD_SMPP = 71
    FJORD_CONTROL = 72
    TINDE_SMPP = 81
    TINDE_CONTROL = 82


class LocalSettings(msgspec.Struct, frozen=True):
    """One run. Two stand side by side when both values differ."""

    port_base: int
    var: Path

    def port(self, port: Port) -> int:
        """The number of a port."""
        return self.port_base + port

    def url(self, port: Port) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self.port(port)}"

    @property
    def jars(self) -> Path:
        """Cache of the broker's jars: one for all runs of this checkout, and it outlives `make clean`."""
        return ROOT / "var/cache/jars"

    @property
    def data(self) -> Path:
        """Data of the servers."""
        return self.var / "data"

    @property
    def keys(self) -> Path:
        """Key store and secrets; mode 700."""
        return self.var / "keys"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.var / "log"

    @property
    def processes(self) -> Path:
        """One pid file per process."""
        return self.var / "run"

    @property
    def operators(self) -> Path:
        """The operators' file that the services read."""
        return self.var / "operators.yaml"

    @property
    def environment(self) -> Path:
        """What other programs need to talk to this run; there only while it is ready."""
        return self.var / "local.env"


def read(environment: Mapping[str, str]) -> LocalSettings:
    """From PORT_BASE (default 20000) and VAR (default `var`, seen from the checkout); raises `BadSettings`."""
    given = environment.get("PORT_BASE") or "20000"
    if not given.isdecimal() or not _LEAST <= int(given) <= _MOST:
        raise BadSettings("bad_settings", f"PORT_BASE is a number from {_LEAST} to {_MOST}")
    return LocalSettings(port_base=int(given), var=ROOT / (environment.get("VAR") or "var"))
