"""Which processes of ours run on one machine, with which roles: the one table to change when a role joins."""

from __future__ import annotations

import msgspec

from deploy.local.settings import ROLE_HEALTH, LocalSettings, Port


class Role(msgspec.Struct, frozen=True):
    """One role. `serves`: the port of a server of its own. `simulated`: it runs beside simulators only."""

    name: str
    serves: Port | None = None
    simulated: bool = False


class Group(msgspec.Struct, frozen=True):
    """Roles of one service that share a process, unless each has one of its own."""

    name: str
    service: str
    health: Port
    roles: tuple[Role, ...]


class Placed(msgspec.Struct, frozen=True):
    """One process: its arguments to `python -m`, and numbers of ports: that of its probes, and by purpose all."""

    name: str
    arguments: tuple[str, ...]
    health: int
    ports: dict[str, int]


# Readers before writers: stopping goes the other way, from the door on. The log is two thirds of what dlr takes: alone
# it keeps a core busy while another one calls the customers (ADR 25).
GROUPS = (
    Group(
        "retention",
        "retention",
        Port.RETENTION_HEALTH,
        (Role("orders"), Role("proof"), Role("api", Port.RETENTION_API)),
    ),
    Group(
        "billing",
        "billing",
        Port.BILLING_HEALTH,
        (Role("usage"), Role("invoicing"), Role("premium"), Role("privacy"), Role("api", Port.BILLING_API)),
    ),
    Group(
        "dlr",
        "dlr",
        Port.DLR_HEALTH,
        (
            Role("webhooks"),
            Role("relay"),
            Role("inbound"),
            Role("privacy"),
            Role("api", Port.DLR_API),
        ),
    ),
    Group("dlr.status", "dlr", Port.STATUS_HEALTH, (Role("status"),)),
    Group(
        "dispatch",
        "dispatch",
        Port.DISPATCH_HEALTH,
        (
            Role("router"),
            Role("sender"),
            Role("sweeper"),
            Role("privacy"),
            Role("strex", Port.STREX_REPORTS, simulated=True),
        ),
    ),
    Group(
        "ingest.screening",
        "ingest",
        Port.SCREENING_HEALTH,
        (Role("screening"), Role("clients"), Role("desk"), Role("signals"), Role("privacy")),
    ),
    Group("ingest.api", "ingest", Port.API_HEALTH, (Role("api", Port.API),)),
)


def processes(settings: LocalSettings) -> list[Placed]:
    """All of a run, in the order they start: one per group, or one per role when the run is split."""
    if not settings.split:
        return [
            _placed(settings, group.name, group.service, _roles(settings, group), settings.port(group.health))
            for group in GROUPS
        ]
    every = [(group.service, role) for group in GROUPS for role in _roles(settings, group)]
    return [
        _placed(settings, f"{service}.{role.name}", service, (role,), settings.port_base + ROLE_HEALTH + number)
        for number, (service, role) in enumerate(every)
    ]


def process_with(settings: LocalSettings, service: str, role: str) -> Placed:
    """The process that runs a role."""
    (found,) = (
        each
        for each in processes(settings)
        if each.arguments[0] == f"services.{service}" and role in each.arguments[1:]
    )
    return found


def _roles(settings: LocalSettings, group: Group) -> tuple[Role, ...]:
    return tuple(role for role in group.roles if settings.own_operators is None or not role.simulated)


def _placed(settings: LocalSettings, name: str, service: str, roles: tuple[Role, ...], health: int) -> Placed:
    served = {role.serves.name.lower(): settings.port(role.serves) for role in roles if role.serves is not None}
    return Placed(
        name,
        (f"services.{service}", *(role.name for role in roles)),
        health,
        {"health": health, **served},
    )
