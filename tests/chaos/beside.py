"""What the system needs beside its own processes: a customer who is told, and whose key opens the door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from deploy.local import plan
from deploy.local.service import Service
from deploy.local.settings import ROOT, LocalSettings


def customer(settings: LocalSettings) -> Service:
    """The simulated one, on the last ports of the run."""
    port, control = settings.port_base + 97, settings.port_base + 98
    return Service(
        "customer",
        ("simulators.customer", "--port", str(port), "--control-port", str(control)),
        ports={"customer": port, "control": control},
        probe=f"http://127.0.0.1:{control}",
        environment=plan.with_health_port({}, 0),
        logs=settings.logs,
        processes=settings.processes,
    )


def provisioned(settings: LocalSettings, told: Mapping[str, str]) -> str:
    """The key of the demo account, which is made."""
    key_file = settings.keys / "demo-key"
    subprocess.run(
        [sys.executable, "-m", "services.ingest", "provision-demo", "--key-file", str(key_file)],
        cwd=ROOT,
        env=plan.with_health_port(told, 0),
        check=True,
        capture_output=True,
        timeout=60,
    )
    return key_file.read_text().strip()
