"""The cluster in memory behaves like a cluster."""

from __future__ import annotations

from tests.unit.kafka.behaviour_port import PortBehaviour


class TestPortInMemory(PortBehaviour):
    """All of it."""
