"""What runs on one machine, and what each process is told."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deploy.local import operators, strex
from deploy.local.ports import HOST
from deploy.local.private_files import keep
from deploy.local.processes import processes
from deploy.local.service import Service
from deploy.local.settings import LocalSettings, Port


class Operator(msgspec.Struct, frozen=True):
    """One simulated operator; `told_as` is the variable of its control interface in `local.env`."""

    name: str
    smpp: Port
    control: Port
    told_as: str


OPERATORS = (
    Operator("fjord", Port.FJORD_SMPP, Port.FJORD_CONTROL, "BUDSTIKKE_SMSC_CONTROL"),
    Operator("tinde", Port.TINDE_SMPP, Port.TINDE_CONTROL, "BUDSTIKKE_SMSC_CONTROL_2"),
)

SERVERS = (Port.KAFKA, Port.KAFKA_CONTROLLER, Port.KAFKA_CLIENTS, Port.MONGODB, Port.VALKEY)
"""Ports of what others wrote."""

_LOGIN = frozenset({"BUDSTIKKE_KAFKA_USER", "BUDSTIKKE_KAFKA_PASSWORD", "BUDSTIKKE_KAFKA_CA"})
"""Never inherited: a shell that read a client's credentials has them as a client means them, not as a service does."""

_TEMPLATE = Path(__file__).with_name("operators.yaml")


def environment(settings: LocalSettings, *, kafka: str, mongodb: str, valkey: str) -> dict[str, str]:
    """What every process of ours is told, beside a health port of its own. Secrets are made at the first call.

    The passwords of own operators are in the environment that `make run` got, or in files.
    """
    told = {
        "BUDSTIKKE_HOST": HOST,
        "BUDSTIKKE_KAFKA": kafka,
        "BUDSTIKKE_KAFKA_CLIENTS": f"{HOST}:{settings.port(Port.KAFKA_CLIENTS)}",
        "BUDSTIKKE_MONGODB": mongodb,
        "BUDSTIKKE_VALKEY": valkey,
        "BUDSTIKKE_KEY_STORE": str(settings.keys),
        "BUDSTIKKE_OPERATORS": str(settings.operators),
        "BUDSTIKKE_API_PORT": str(settings.port(Port.API)),
        "BUDSTIKKE_DLR_API_PORT": str(settings.port(Port.DLR_API)),
        "BUDSTIKKE_DLR_API": settings.url(Port.DLR_API),
        "BUDSTIKKE_BILLING_API_PORT": str(settings.port(Port.BILLING_API)),
        "BUDSTIKKE_BILLING_API": settings.url(Port.BILLING_API),
        "BUDSTIKKE_RETENTION_API_PORT": str(settings.port(Port.RETENTION_API)),
        "BUDSTIKKE_RETENTION_API": settings.url(Port.RETENTION_API),
        "BUDSTIKKE_USAGE_DAILY_SECONDS": "2",
        "BUDSTIKKE_WEBHOOK_PRIVATE": "true",
        "BUDSTIKKE_INTERNAL_SECRET": str(_internal_secret(settings)),
    }
    if settings.own_operators is None:
        told["BUDSTIKKE_SMSC_PASSWORD"] = _smsc_password(settings)
        told |= strex.environment(settings)
    return told


def with_health_port(told: Mapping[str, str], port: int) -> dict[str, str]:
    """The whole environment of one process; 0 lets it take a free port for its probes."""
    inherited = {name: value for name, value in os.environ.items() if name not in _LOGIN}
    return {**inherited, **told, "BUDSTIKKE_HEALTH_PORT": str(port), "PYTHONUNBUFFERED": "1"}


def public(settings: LocalSettings, told: Mapping[str, str], key: str, staff_key: str) -> dict[str, str]:
    """What `local.env` tells other programs."""
    return {
        "BUDSTIKKE_API": settings.url(Port.API),
        "BUDSTIKKE_KEY": key,
        "BUDSTIKKE_STAFF_KEY": staff_key,
        **{operator.told_as: settings.url(operator.control) for operator in simulated(settings)},
        **({"BUDSTIKKE_STREX_CONTROL": settings.url(Port.STREX_CONTROL)} if simulated(settings) else {}),
        "BUDSTIKKE_KAFKA": told["BUDSTIKKE_KAFKA"],
        "BUDSTIKKE_KAFKA_CLIENTS": told["BUDSTIKKE_KAFKA_CLIENTS"],
        "BUDSTIKKE_MONGODB": told["BUDSTIKKE_MONGODB"],
        "BUDSTIKKE_VALKEY": told["BUDSTIKKE_VALKEY"],
        "BUDSTIKKE_LOGS": str(settings.logs),
    }


def services(settings: LocalSettings, told: Mapping[str, str]) -> list[Service]:
    """The services, in the order they start."""
    return [
        Service(
            placed.name,
            placed.arguments,
            ports=placed.ports,
            probe=f"http://{HOST}:{placed.health}",
            environment=with_health_port(told, placed.health),
            logs=settings.logs,
            processes=settings.processes,
        )
        for placed in processes(settings)
    ]


def simulators(settings: LocalSettings) -> list[Service]:
    """One SMSC per simulated operator, and Strex."""
    if not simulated(settings):
        return []
    return [
        Service(
            "strex",
            ("simulators.strex", *strex.options(settings)),
            ports={port.name.lower(): settings.port(port) for port in (Port.STREX, Port.STREX_CONTROL)},
            probe=settings.url(Port.STREX_CONTROL),
            environment=with_health_port({}, 0),
            logs=settings.logs,
            processes=settings.processes,
        ),
        *(_smsc(settings, operator) for operator in OPERATORS),
    ]


def _smsc(settings: LocalSettings, operator: Operator) -> Service:
    return Service(
        f"smsc.{operator.name}",
        ("simulators.smsc", *_smsc_options(settings, operator)),
        ports={port.name.lower(): settings.port(port) for port in (operator.smpp, operator.control)},
        probe=settings.url(operator.control),
        environment=with_health_port({}, 0),
        logs=settings.logs,
        processes=settings.processes,
    )


def simulated(settings: LocalSettings) -> tuple[Operator, ...]:
    """The simulated operators of a run: all, or none with an own operators file."""
    return OPERATORS if settings.own_operators is None else ()


def ports(settings: LocalSettings) -> dict[str, int]:
    """Every port that a run takes, by what it is for."""
    taken = {port.name: settings.port(port) for port in SERVERS}
    for operator in simulated(settings):
        taken |= {port.name: settings.port(port) for port in (operator.smpp, operator.control)}
    if simulated(settings):
        taken |= {port.name: settings.port(port) for port in (Port.STREX, Port.STREX_CONTROL)}
    for placed in processes(settings):
        taken |= {f"{placed.name} {purpose}": port for purpose, port in placed.ports.items()}
    return taken


def operators_file(settings: LocalSettings) -> str:
    """The text of the operators file that the services read: the simulators at this run's ports, or the own file.

    Raises `BadSettings` for an own file that the services would refuse.
    """
    if settings.own_operators is not None:
        return operators.read(settings.own_operators, os.environ)
    text = _TEMPLATE.read_text()
    for operator in OPERATORS:
        text = text.replace(f"@{operator.smpp.name}@", str(settings.port(operator.smpp)))
    return text


def write_operators(settings: LocalSettings) -> None:
    """Write `operators_file` to where the services read it. Raises `BadSettings` as that does."""
    text = operators_file(settings)
    settings.operators.parent.mkdir(parents=True, exist_ok=True)
    settings.operators.write_text(text)


def _internal_secret(settings: LocalSettings) -> Path:
    path = settings.keys / "internal-secret"
    keep(path, lambda: secrets.token_urlsafe(32))
    return path


def _smsc_options(settings: LocalSettings, operator: Operator) -> list[str]:
    options = {
        "name": operator.name,
        "smpp-port": str(settings.port(operator.smpp)),
        "control-port": str(settings.port(operator.control)),
        "system-id": operator.name,
        "password": _smsc_password(settings),
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _smsc_password(settings: LocalSettings) -> str:
    return keep(settings.keys / "smsc-password", lambda: secrets.token_hex(4))  # SMPP 3.4 allows 8 characters
