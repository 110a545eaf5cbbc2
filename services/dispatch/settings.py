"""Settings of the roles of dispatch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import KafkaRoleSettings, StoreRoleSettings


class RouterSettings(KafkaRoleSettings):
    """Role `router`."""

    operators: Path = Field(description="operators file: links and routes")
    key_store: Path = Field(description="directory of the file key store")


class SenderSettings(StoreRoleSettings):
    """Role `sender`."""

    operators: Path = Field(description="operators file: links and routes")
    sender_operators: str = Field("", description="operators that this process serves, with commas; empty: all")
    sender_remembers: int = Field(
        200_000, ge=1_000, le=5_000_000, description="parts whose operator id is kept in memory, per operator"
    )
    sender_unresolved: float = Field(
        2.0, ge=1.0, le=4.0, description="parts that may have an intent and no outcome, in windows of the link"
    )
