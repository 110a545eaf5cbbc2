"""How to reach the cluster. Everything here is the operator's; how a stage behaves is its own constructor's."""

from __future__ import annotations

from ssl import SSLContext

import msgspec


class Credentials(msgspec.Struct, frozen=True):
    """Who a client is, proved by SCRAM (or another SASL mechanism of user and password)."""

    username: str
    password: str
    mechanism: str = "SCRAM-SHA-512"

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, mechanism={self.mechanism!r})"


class KafkaSettings(msgspec.Struct, frozen=True):
    """One cluster, as seen by one process. Durations are seconds, sizes bytes.

    `session_timeout` is how long a killed member keeps its partitions; `rebalance_timeout` is how long a member may
    take to finish its work when partitions move. `fetch_bytes` bounds what one partition delivers at once; a larger
    record still arrives.
    """

    bootstrap: str
    client_id: str = "budstikke"
    credentials: Credentials | None = None
    tls: SSLContext | None = None
    session_timeout: float = 10.0
    heartbeat_interval: float = 1.0
    rebalance_timeout: float = 30.0
    request_timeout: float = 15.0
    start_timeout: float = 30.0
    fetch_bytes: int = 262_144
