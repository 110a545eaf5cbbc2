"""Settings of the roles of billing."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from shared.privacy.participant import ParticipantSettings
from shared.settings import KafkaRoleSettings, RoleSettings


class UsageSettings(KafkaRoleSettings):
    """Role `usage`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    usage_batch: int = Field(2500, ge=1, le=5000, description="most events that are recorded at once")
    usage_daily_seconds: float = Field(
        300.0, ge=0.1, le=86_400, description="seconds between two looks for daily sums that changed"
    )


_OWN: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_TERMS = "TOML file of who keeps what of a premium charge; absent: the example beside the code"


class PremiumSettings(KafkaRoleSettings):
    """Role `premium`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    premium_terms: Path | None = Field(None, description=_TERMS)


_PRICES = "TOML file of price plans and VAT; absent: the example beside the code"


class InvoicingSettings(KafkaRoleSettings):
    """Role `invoicing`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    prices: Path | None = Field(None, description=_PRICES)
    seller: Path | None = Field(
        None, description="TOML file of who sends the invoices; absent: the example beside the code"
    )
    invoicing_seconds: float = Field(
        1.0,
        ge=0.05,
        le=3600,
        description="seconds between two looks for months that are to be closed; 2 if there are none",
    )


class ApiSettings(RoleSettings):
    """Role `api`: internal reads and finance commands, for the front door alone."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    key_store: Path = Field(description="directory of the file key store, for pseudonyms")
    prices: Path | None = Field(None, description=_PRICES)
    premium_terms: Path | None = Field(None, description=_TERMS)
    premium_export: str | None = Field(
        None, pattern=r"^https?://.*\{date\}", description="address of Strex's daily file, with {date} for the day"
    )
    premium_export_key: SecretStr | None = Field(None, description="API key for that address")
    billing_api_port: int = Field(ge=0, le=65535, description="port of the internal HTTP API; 0 takes a free one")
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")

    @field_validator("premium_export")
    @classmethod
    def _not_in_the_clear(cls, value: str | None) -> str | None:
        """The file holds numbers and texts."""
        if value is not None and urlsplit(value).scheme == "http" and urlsplit(value).hostname not in _OWN:
            raise ValueError("must be https")
        return value


class PrivacySettings(ParticipantSettings):
    """Role `privacy`."""
