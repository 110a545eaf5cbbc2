"""What the system needs beside its own processes: a customer who is told."""

from __future__ import annotations

from deploy.local import plan
from deploy.local.service import Service
from deploy.local.settings import LocalSettings
from tests.running import beside


def customer_ports(base: int) -> tuple[int, int]:
    """Where the customer is told, and where its control interface is."""
    port, control, *_ = beside(base)
    return port, control


def customer(settings: LocalSettings) -> Service:
    """The simulated one, beside the run."""
    port, control = customer_ports(settings.port_base)
    return Service(
        "customer",
        ("simulators.customer", "--port", str(port), "--control-port", str(control)),
        ports={"customer": port, "control": control},
        probe=f"http://127.0.0.1:{control}",
        environment=plan.with_health_port({}, 0),
        logs=settings.logs,
        processes=settings.processes,
    )
