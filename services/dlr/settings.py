"""Settings of the roles of dlr."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.privacy.participant import ParticipantSettings
from shared.settings import KafkaRoleSettings, RoleSettings, StoreRoleSettings


class StatusSettings(StoreRoleSettings):
    """Role `status`."""

    status_batch: int = Field(2500, ge=1, le=5000, description="most records that are folded and written at once")
    status_remembers: int = Field(
        5_000, ge=0, le=1_000_000, description="messages kept in memory beside the database, about 4 kB each"
    )


class ApiSettings(KafkaRoleSettings):
    """Role `api`: internal reads and changes, for the front door alone."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    key_store: Path = Field(description="directory of the file key store")
    dlr_api_port: int = Field(ge=0, le=65535, description="port of the internal HTTP API; 0 takes a free one")
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")
    valkey: SecretStr = Field(description="URL of Valkey, for the history of webhooks")
    webhook_private: bool = Field(False, description="send webhooks to private addresses and any port, for local runs")
    premium_agreements: Path | None = Field(
        None, description="file of the agreements by which accounts may charge; without it nobody may"
    )


class WebhookSettings(StoreRoleSettings):
    """Role `webhooks`."""

    valkey: SecretStr = Field(description="URL of Valkey, for the history of webhooks")
    webhook_private: bool = Field(False, description="send webhooks to private addresses and any port, for local runs")
    webhook_in_flight: int = Field(16, ge=1, le=256, description="most deliveries in flight to one endpoint")
    webhook_connections: int = Field(
        2_000, ge=1, le=50_000, description="most connections to customers, as far as the process may have files"
    )
    webhook_backlog: int = Field(
        8_000, ge=16, le=100_000, description="most deliveries that wait in memory, about 3 kB each"
    )


class InboundSettings(StoreRoleSettings):
    """Role `inbound`."""

    inbound_join_seconds: int = Field(
        300, ge=5, le=3600, description="longest wait for the parts of a long message, after its first"
    )


class ProvisionSettings(RoleSettings):
    """The commands `provision-demo`, `provision-number` and `activate-keyword`; they serve no probes."""

    health_port: int = Field(0, ge=0, le=65535, description="not used by these commands")
    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")


class RelaySettings(KafkaRoleSettings):
    """Role `relay`."""

    key_store: Path = Field(description="directory of the file key store")


class PrivacySettings(ParticipantSettings):
    """Role `privacy`."""
