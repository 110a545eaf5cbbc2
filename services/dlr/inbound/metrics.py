"""What the role counts. No label ever speaks of people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class InboundMetrics:
    """Metrics of one process; made once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter(
            "budstikke_inbound_messages",
            "Incoming messages by what they led to; nobodys: no account has the number or keyword; repeat: had before",
            ["outcome"],
            registry=registry,
        )
        self.long_messages = Counter(
            "budstikke_inbound_long_messages",
            "Long messages that were handed on, whole or incomplete: a part never came",
            ["outcome"],
            registry=registry,
        )
