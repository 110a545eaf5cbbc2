"""What the system needs beside its own processes: a customer who is told."""

from __future__ import annotations

from deploy.local import plan
from deploy.local.service import Service
from deploy.local.settings import LocalSettings


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
