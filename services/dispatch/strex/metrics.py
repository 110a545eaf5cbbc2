"""What the role counts. Labels are kinds and outcomes, never people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class StrexMetrics:
    """Made once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.orders = Counter(
            "budstikke_strex_orders",
            "Orders by kind and what came of asking: taken, declined, withheld, unknown, refused, repeated; foreign: "
            "of another account's transaction; anew: a lost reversal, asked for without an order",
            ["kind", "outcome"],
            registry=registry,
        )
        self.looks = Counter(
            "budstikke_strex_looks", "Looks at transactions: found, missing, none", ["outcome"], registry=registry
        )
        self.callbacks = Counter(
            "budstikke_strex_callbacks",
            "Calls of Strex: news, repeated, unknown, forged, unreadable",
            ["outcome"],
            registry=registry,
        )
        self.settled = Counter(
            "budstikke_strex_settled", "Transactions by kind and final status", ["kind", "status"], registry=registry
        )
        self.unsettled = Counter(
            "budstikke_strex_never_settled",
            "Transactions that are not looked at any more, and nobody knows whether money moved: each is for a person",
            registry=registry,
        )
        self.unreadable = Counter(
            "budstikke_strex_rows_unreadable",
            "Rows that could not be read and were set aside for an hour: each is for a person",
            registry=registry,
        )
