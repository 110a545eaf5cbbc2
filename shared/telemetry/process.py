"""What every process says of itself, whatever roles it runs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from shared.clock import Clock


class ProcessMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        now = Gauge(
            "budstikke_clock_seconds",
            "Time by this clock in seconds since 1970: beside the time of the scrape it says how far the clock is off",
            registry=registry,
        )
        now.set_function(lambda: clock.now().timestamp())
