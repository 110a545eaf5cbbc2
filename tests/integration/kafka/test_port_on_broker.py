"""The adapter on a real broker behaves like a cluster."""

from __future__ import annotations

from tests.unit.kafka.behaviour_port import PortBehaviour


class TestPortOnBroker(PortBehaviour):
    """All of it."""
