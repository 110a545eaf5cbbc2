"""Settings of the roles of retention."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import KafkaRoleSettings, RoleSettings


class OrdersSettings(KafkaRoleSettings):
    """Role `orders`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    retention_hour: int = Field(
        2, ge=0, le=23, description="hour of the night, Europe/Oslo, from which purges are ordered"
    )
    retention_seconds: float = Field(
        0.5,
        ge=0.05,
        le=600,
        description="seconds between two looks for what is to be published; 2 if nothing is",
    )


class ProofSettings(KafkaRoleSettings):
    """Role `proof`."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    key_store: Path = Field(description="directory of the file key store, for keys that are to be destroyed")
    retention_overdue_hours: float = Field(
        24.0, gt=0, le=720, description="hours after which an order that not everybody has answered is an alarm"
    )


class ApiSettings(RoleSettings):
    """Role `api`: requests, policies, holds and proof, for the front door alone."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    key_store: Path = Field(description="directory of the file key store, for pseudonyms")
    retention_api_port: int = Field(ge=0, le=65535, description="port of the internal HTTP API; 0 takes a free one")
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")
