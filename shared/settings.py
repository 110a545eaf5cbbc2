"""Settings come from the environment, are checked once in `main`, and never change.

Each role has one frozen class that extends `RoleSettings`; `load` turns every fault into one `BadSettings` that names
the variable, what is wrong with it and (never) its value.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import BadSettings
from shared.kafka.settings import Credentials, KafkaSettings

PREFIX = "BUDSTIKKE_"


class RoleSettings(BaseSettings):
    """What every role needs to know."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", validate_default=True)

    host: str = Field("127.0.0.1", description="address that the role's own servers listen on")
    health_port: int = Field(ge=0, le=65535, description="port of /live, /ready and /metrics; 0 takes a free one")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    start_seconds: float = Field(60.0, gt=0, le=600, description="longest wait for what the role depends on")
    drain_seconds: float = Field(20.0, gt=0, le=300, description="longest time to finish work after SIGTERM")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library calls by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` read is all there is: the library would otherwise read the environment a second time."""
        return (init_settings,)


class KafkaRoleSettings(RoleSettings):
    """A role on Kafka."""

    kafka: str = Field(min_length=1, description="bootstrap addresses, host:port with commas between")
    kafka_user: str = Field("", description="user to log in as with SCRAM-SHA-512; empty: nobody")
    kafka_password: Path | None = Field(None, description="file with the password of that user")
    kafka_ca: Path | None = Field(None, description="file with the certificates behind the brokers'; with it, TLS")
    message_partitions: int = Field(
        4, ge=1, le=256, description="partitions of every topic keyed by message id; the same on all of them"
    )

    def cluster(self, client_id: str) -> KafkaSettings:
        """How a client of this role reaches the brokers. Raises `BadSettings` for a file that cannot be used."""
        return KafkaSettings(
            bootstrap=self.kafka, client_id=client_id, credentials=self._credentials(), tls=_tls(self.kafka_ca)
        )

    def _credentials(self) -> Credentials | None:
        if not self.kafka_user and self.kafka_password is None:
            return None
        if not self.kafka_user or self.kafka_password is None:
            raise BadSettings("bad_settings", "BUDSTIKKE_KAFKA_USER and BUDSTIKKE_KAFKA_PASSWORD go together")
        try:
            password = self.kafka_password.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(
                "bad_settings", f"BUDSTIKKE_KAFKA_PASSWORD: cannot be read ({type(error).__name__})"
            ) from None
        return Credentials(self.kafka_user, password)


class StoreRoleSettings(KafkaRoleSettings):
    """A role on Kafka with a database of its service and the key store."""

    mongodb: SecretStr = Field(description="MongoDB URI of the replica set")
    key_store: Path = Field(description="directory of the file key store")


S = TypeVar("S", bound=RoleSettings)

_LEAST_SECRET: Final = 32


def load(kind: type[S], environment: Mapping[str, str] | None = None) -> S:
    """Read and check settings; an empty variable counts as absent.

    Raises `BadSettings` that names every wrong variable at once.
    """
    known = {PREFIX + name.upper() for name in kind.model_fields}
    given = os.environ if environment is None else environment
    values = {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if name in known and value}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            _fault(kind, fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False)
        )
        raise BadSettings("bad_settings", faults) from None


def read_secret(path: Path) -> bytes:
    """What the file of `BUDSTIKKE_INTERNAL_SECRET` holds, without the white space around it, 32 octets or more.

    Raises `BadSettings` that names the variable, never what the file holds.
    """
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise BadSettings("bad_settings", f"{PREFIX}INTERNAL_SECRET: cannot be read ({error.strerror})") from None
    if len(secret) < _LEAST_SECRET:
        raise BadSettings("bad_settings", f"{PREFIX}INTERNAL_SECRET: holds fewer than {_LEAST_SECRET} octets")
    return secret


def _fault(kind: type[RoleSettings], place: tuple[int | str, ...], message: str) -> str:
    """Name of the variable, what is wrong, and what it is for."""
    field = kind.model_fields.get(str(place[0])) if place else None
    meaning = f" ({field.description})" if field is not None and field.description else ""
    return f"{PREFIX}{'_'.join(str(step) for step in place).upper()}: {message}{meaning}"


def _tls(ca: Path | None) -> ssl.SSLContext | None:
    """TLS that trusts these certificates alone."""
    if ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_KAFKA_CA: cannot be used ({type(error).__name__})") from None
