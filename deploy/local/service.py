"""One of our own processes: ready when its probe says so."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.ports import require_free
from deploy.local.process import Process
from deploy.local.settings import ROOT
from shared.trust import trusted

_PROBE = 2.0  # seconds for one answer


class Service:
    """`python -m <module> <arguments>` from the checkout, with `GET <probe>/ready` answering 200 once it works."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        *,
        ports: Mapping[str, int],
        probe: str,
        environment: Mapping[str, str],
        logs: Path,
        processes: Path,
    ) -> None:
        self._ports = ports
        self._probe = probe
        self.process = Process(
            name,
            [sys.executable, "-m", *arguments],
            log=logs / f"{name}.log",
            pid_file=processes / f"{name}.pid",
            environment=environment,
            folder=ROOT,
        )

    def start(self) -> None:
        """Start; raises Fatal `port_in_use`."""
        self.process.end_stale()
        for purpose, port in self._ports.items():
            require_free(port, f"{self.process.name}, {purpose}")
        self.process.start()

    def ready(self) -> bool:
        """Whether the probe answers 200."""
        try:
            answer = httpx.get(f"{self._probe}/ready", timeout=_PROBE, verify=trusted(), trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    def stop(self, deadline: float = 25.0) -> None:
        """Let it finish its work and end."""
        self.process.stop(deadline)
