"""Addresses of a run, as `local.env` and the plan of a local run tell them."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from deploy.local.processes import processes
from tests.running import Run


class System(msgspec.Struct, frozen=True):
    """One running system. URLs have no path; `health` has the probes' address of each service."""

    api: str
    key: str
    fjord: str
    tinde: str
    strex: str
    kafka: str
    mongodb: str
    valkey: str
    logs: Path
    var: Path
    local_env: Path
    health: dict[str, str]

    @classmethod
    def of(cls, run: Run) -> System:
        """The system that a run has made ready."""
        told = read_env(run.local_env)
        return cls(
            api=told["BUDSTIKKE_API"],
            key=told["BUDSTIKKE_KEY"],
            fjord=told["BUDSTIKKE_SMSC_CONTROL"],
            tinde=told["BUDSTIKKE_SMSC_CONTROL_2"],
            strex=told["BUDSTIKKE_STREX_CONTROL"],
            kafka=told["BUDSTIKKE_KAFKA"],
            mongodb=told["BUDSTIKKE_MONGODB"],
            valkey=told["BUDSTIKKE_VALKEY"],
            logs=Path(told["BUDSTIKKE_LOGS"]),
            var=run.var,
            local_env=run.local_env,
            health={placed.name: f"http://127.0.0.1:{placed.health}" for placed in processes(run.settings)},
        )


def read_env(path: Path) -> dict[str, str]:
    """`KEY=VALUE` lines as a shell reads them."""
    return dict(word.split("=", 1) for word in shlex.split(path.read_text()))
