"""Settings of the ingest service's roles."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from services.ingest.limits.bucket import Amount, Rates
from shared.privacy.participant import ParticipantSettings
from shared.settings import KafkaRoleSettings, RoleSettings, StoreRoleSettings


class LimitedSettings(StoreRoleSettings):
    """A door, which keeps accounts within their limits."""

    valkey: SecretStr = Field(description="Valkey URL, redis://… or rediss://…; without Valkey limits are local")
    api_processes: int = Field(
        1, ge=1, le=10_000, description="processes with a door: each keeps its share of a limit while Valkey is away"
    )
    messages_per_second: int = Field(
        1_000, ge=1, le=1_000_000, description="what an account may send, all processes together, unless it says so"
    )
    messages_burst: int = Field(10_000, ge=1, le=10_000_000, description="messages at once after a pause")
    parts_per_second: int = Field(3_000, ge=1, le=1_000_000, description="the same in parts")
    parts_burst: int = Field(30_000, ge=1, le=10_000_000, description="parts at once after a pause")

    @property
    def rates(self) -> Rates:
        """The limits of an account that has none of its own."""
        return Rates(
            Amount(self.messages_per_second, self.parts_per_second), Amount(self.messages_burst, self.parts_burst)
        )


class ApiSettings(LimitedSettings):
    """Role `api`: the HTTP front door."""

    api_port: int = Field(ge=0, le=65535, description="port of the HTTP API; 0 takes a free one")
    dlr_api: str = Field(description="base URL of the role api of the service dlr, which owns the message log")
    billing_api: str = Field(
        "http://127.0.0.1:9", description="base URL of the role api of the service billing, which owns the books"
    )
    retention_api: str = Field(
        "http://127.0.0.1:9", description="base URL of the role api of the service retention, which owns how data live"
    )
    premium_agreements: Path | None = Field(
        None, description="file of the agreements by which accounts may charge; without it nobody may"
    )
    trusted_proxies: str = Field(
        "", description="proxies whose X-Forwarded-For is believed: addresses or networks, with commas"
    )
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")
    kafka_clients: str = Field(
        "", description="bootstrap addresses at which client systems log in, by SCRAM-SHA-512; none: none is let in"
    )

    @field_validator("dlr_api", "billing_api", "retention_api")
    @classmethod
    def _base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https URL without query")
        return value.rstrip("/")


class ClientsSettings(LimitedSettings):
    """Role `clients`: requests that client systems publish."""

    clients_batch: int = Field(500, ge=1, le=5000, description="most requests that are taken over at once")


class ProvisionSettings(RoleSettings):
    """The command `provision-demo`; it serves no probes."""

    health_port: int = Field(0, ge=0, le=65535, description="not used by this command")
    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")


class ScreeningSettings(StoreRoleSettings):
    """Role `screening`."""

    valkey: SecretStr = Field(description="Valkey URL, redis://… or rediss://…; without Valkey nothing is decided")
    messages_per_month: int = Field(
        1_000_000, ge=0, description="messages of a month that an account may send before a person is asked"
    )
    screening_remembers: int = Field(
        3600, ge=60, le=86_400, description="seconds for which a decision is known, so that a repeat is dropped"
    )
    snapshot_seconds: float = Field(10.0, ge=0.1, le=600, description="seconds between two snapshots of the counters")


class DeskSettings(KafkaRoleSettings):
    """Role `desk`: keeps what waits for a person or for its time."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    desk_seconds: float = Field(
        0.5,
        ge=0.01,
        le=60,
        description="seconds between two looks for what was decided or is due; 5 if nothing waits",
    )
    desk_claim: float = Field(
        30.0, ge=1, le=600, description="seconds after which another process takes over what one was letting go"
    )


class SignalsSettings(KafkaRoleSettings):
    """Role `signals`: what is unusual about an account's traffic."""

    signals_window: int = Field(60, ge=1, le=3600, description="seconds in which traffic is counted")
    signals_volume: int = Field(100_000, ge=1, description="requests in a window above which an account's are held")
    signals_failures: int = Field(
        50, ge=1, le=100, description="per cent of an account's requests refused from which the signal is on"
    )
    signals_least: int = Field(200, ge=1, description="requests in a window below which no share of them is unusual")


class PrivacySettings(ParticipantSettings):
    """Role `privacy`."""
