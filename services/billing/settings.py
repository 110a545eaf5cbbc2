"""Settings of the roles of billing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from shared.errors import BadSettings
from shared.settings import RoleSettings

_LEAST_SECRET: Final = 32


class ApiSettings(RoleSettings):
    """Role `api`: internal reads and finance commands, for the front door alone."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    billing_api_port: int = Field(ge=0, le=65535, description="port of the internal HTTP API; 0 takes a free one")
    internal_secret: Path = Field(description="file with the secret that signs internal tokens, 32 octets or more")


def read_secret(path: Path) -> bytes:
    """The internal secret, without the white space around it. Raises `BadSettings`, which never quotes it."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_INTERNAL_SECRET: cannot be read ({error.strerror})") from None
    if len(secret) < _LEAST_SECRET:
        raise BadSettings("bad_settings", f"BUDSTIKKE_INTERNAL_SECRET: holds fewer than {_LEAST_SECRET} octets")
    return secret
