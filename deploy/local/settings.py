"""Settings of a run on one machine: which ports it takes, where its data lie, whom it sends through, and how many
processes it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

import msgspec

from shared.errors import BadSettings

ROOT = Path(__file__).resolve().parents[2]
_LEAST, _MOST = 1024, 65_400
_PORT_BASE = 20_000
_SPLIT = "split"


class Port(IntEnum):
    """Every port of a run, as its distance from PORT_BASE."""

    API = 0
    DLR_API = 1
    BILLING_API = 2
    RETENTION_API = 4
    STREX_REPORTS = 3
    KAFKA = 20
    KAFKA_CONTROLLER = 21
    KAFKA_CLIENTS = 22
    MONGODB = 30
    VALKEY = 40
    API_HEALTH = 50
    SCREENING_HEALTH = 51
    DISPATCH_HEALTH = 52
    DLR_HEALTH = 53
    BILLING_HEALTH = 54
    RETENTION_HEALTH = 55
    STATUS_HEALTH = 56
    FJORD_SMPP = 71
    FJORD_CONTROL = 72
    TINDE_SMPP = 81
    TINDE_CONTROL = 82
    STREX = 91
    STREX_CONTROL = 92


ROLE_HEALTH = 100
"""Distance from PORT_BASE of the first role's probes when each role is a process; the others follow."""


class LocalSettings(msgspec.Struct, frozen=True):
    """One run. Two stand side by side when their first ports and their folders differ.

    `own_operators` is the user's operators file; None lets the run send through simulators of its own.
    `split`: every role is a process of its own.
    """

    port_base: int
    var: Path
    own_operators: Path | None = None
    split: bool = False

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
        """Data of the servers; apart with an own operators file, for what waits for a simulator must never leave to a
        real operator, nor the other way round.
        """
        return self.var / ("data" if self.own_operators is None else "data-own")

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

    def make(self, target: str) -> str:
        """The command that reaches this very run: `make stop PORT_BASE=21000`."""
        words = ["make", target]
        if self.port_base != _PORT_BASE:
            words.append(f"PORT_BASE={self.port_base}")
        if self.var != _var(self.port_base):
            words.append(f"VAR={self.var}")
        return shlex.join(words)


def read(environment: Mapping[str, str]) -> LocalSettings:
    """From PORT_BASE (default 20000), VAR (default `var`, with another PORT_BASE `var/<PORT_BASE>`), OPERATORS (default
    none) and ROLES (default none, else `split`); both paths are seen from the checkout. Raises `BadSettings`.
    """
    given = environment.get("PORT_BASE") or str(_PORT_BASE)
    if not given.isdecimal() or not _LEAST <= int(given) <= _MOST:
        raise BadSettings("bad_settings", f"PORT_BASE is a number from {_LEAST} to {_MOST}")
    port_base, var, own = int(given), environment.get("VAR"), environment.get("OPERATORS")
    roles = environment.get("ROLES") or ""
    if roles not in ("", _SPLIT):
        raise BadSettings("bad_settings", f"ROLES is {_SPLIT}, or not given")
    return LocalSettings(
        port_base=port_base,
        var=ROOT / var if var else _var(port_base),
        own_operators=ROOT / own if own else None,
        split=roles == _SPLIT,
    )


def _var(port_base: int) -> Path:
    """The default folder; that of a further run lies in that of the first."""
    return ROOT / "var" if port_base == _PORT_BASE else ROOT / "var" / str(port_base)
