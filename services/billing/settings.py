"""Settings of the roles of billing."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import RoleSettings


class ApiSettings(RoleSettings):
    """Role `api`: internal reads and finance commands, for the front door alone."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    billing_api_port: int = Field(ge=0, le=65535, description="port of the internal HTTP API; 0 takes a free one")
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")
