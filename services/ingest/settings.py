"""Settings of the ingest service's roles."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from shared.errors import BadSettings
from shared.settings import KafkaRoleSettings, RoleSettings, StoreRoleSettings

_LEAST_SECRET: Final = 32


class ApiSettings(StoreRoleSettings):
    """Role `api`: the HTTP front door."""

    api_port: int = Field(ge=0, le=65535, description="port of the HTTP API; 0 takes a free one")
    dlr_api: str = Field(description="base URL of the role api of the service dlr, which owns the message log")
    trusted_proxies: str = Field(
        "", description="proxies whose X-Forwarded-For is believed: addresses or networks, with commas"
    )
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")

    @field_validator("dlr_api")
    @classmethod
    def _base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https URL without query")
        return value.rstrip("/")


class ProvisionSettings(RoleSettings):
    """The command `provision-demo`; it serves no probes."""

    health_port: int = Field(0, ge=0, le=65535, description="not used by this command")
    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")


class ProvisionClientSettings(ProvisionSettings):
    """The command `provision-client`."""

    kafka: str = Field(min_length=1, description="bootstrap addresses of a listener that may change access lists")


def read_secret(path: Path) -> bytes:
    """The internal secret, without the white space around it. Raises `BadSettings`; names the variable only."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_INTERNAL_SECRET: cannot be read ({error.strerror})") from None
    if len(secret) < _LEAST_SECRET:
        raise BadSettings("bad_settings", f"BUDSTIKKE_INTERNAL_SECRET: holds fewer than {_LEAST_SECRET} octets")
    return secret


class ScreeningSettings(KafkaRoleSettings):
    """Role `screening`."""

    key_store: Path = Field(description="directory of the file key store")
