"""Settings of the roles of dispatch."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.privacy.participant import ParticipantSettings
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


class SweeperSettings(KafkaRoleSettings):
    """Role `sweeper`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")


class StrexSettings(StoreRoleSettings):
    """Role `strex`."""

    strex_url: str = Field(description="base URL of Strex Connect; https, but for this very machine")
    strex_key: Path = Field(description="file with the private key that signs our calls: PKCS#8 PEM, P-256 or RSA")
    strex_key_name: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", description="name under which Strex knows the public key"
    )
    strex_port: int = Field(ge=0, le=65535, description="port that Strex's reports come in at; 0 takes a free one")
    strex_reports: str = Field(
        "",
        description="base URL at which Strex reaches that port, without path; empty: Strex is only asked, never told",
    )
    strex_seconds: float = Field(30.0, gt=0, le=120, description="longest wait for the answer to a call; then we look")
    strex_gone_seconds: float = Field(
        600.0,
        gt=0,
        le=86_400,
        description="so long after a call, what Strex knows nothing of was not taken; twice STREX_SECONDS or more",
    )
    premium_agreements: Path | None = Field(
        None, description="file of the agreements by which accounts may charge; without it nobody may"
    )
    strex_order_seconds: float = Field(
        3600.0, gt=0, le=259_200, description="age of an order to charge that is not carried out any more"
    )
    strex_at_once: int = Field(
        32,
        ge=1,
        le=500,
        description="most calls under way at a time; of looks, which Strex may hold back, 4 times that",
    )

    @field_validator("strex_gone_seconds")
    @classmethod
    def _after_every_call(cls, value: float, given: ValidationInfo) -> float:
        """A call begins in the first half of that time, and is over in the second."""
        if value < 2 * given.data.get("strex_seconds", 0.0):
            raise ValueError("must be twice STREX_SECONDS or more")
        return value

    @field_validator("strex_url", "strex_reports")
    @classmethod
    def _base_url(cls, value: str) -> str:
        """Money does not travel in the clear."""
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https URL without query")
        if parts.scheme == "http" and parts.hostname not in _OWN:
            raise ValueError("must be https")
        return value.rstrip("/")


class PrivacySettings(ParticipantSettings):
    """Role `privacy`."""


_OWN: Final = frozenset({"127.0.0.1", "::1", "localhost"})
