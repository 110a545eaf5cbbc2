"""Settings: every class of every service that a process reads its environment with."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from deploy.local.settings import ROOT
from docs.sections.tables import code, default_of, kind_of, sentence, table
from shared.settings import PREFIX, RoleSettings

HEAD = ("variable", "value", "default", "meaning")
_STARTS = ("Role ", "The command ")


def settings() -> str:
    """What every role reads, then a table per service and role."""
    lines = ["### Every role", table(HEAD, _rows(RoleSettings))]
    for service in services():
        lines.append(f"### {service}")
        for kind in roles(service):
            title, table_of_kind = sentence(kind.__doc__ or ""), table(HEAD, _rows(kind, but=RoleSettings))
            lines += [f"**{title.rstrip('.')}**", table_of_kind]
    return "\n\n".join(lines)


def services() -> list[str]:
    """Names of the services that have settings."""
    return sorted(path.parent.name for path in Path(ROOT, "services").glob("*/settings.py"))


def roles(service: str) -> list[type[RoleSettings]]:
    """The settings classes of a service that a role or a command loads, in the order of the module."""
    module = importlib.import_module(f"services.{service}.settings")
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]
    return [kind for kind in found if issubclass(kind, RoleSettings) and (kind.__doc__ or "").startswith(_STARTS)]


def _rows(kind: type[RoleSettings], but: type[RoleSettings] | None = None) -> Iterator[tuple[str, ...]]:
    """One row per variable, without those that `but` has."""
    schema = kind.model_json_schema()
    for name, field in schema["properties"].items():
        if but is not None and name in but.model_fields:
            continue
        default = default_of(field, required=name in schema.get("required", ()))
        yield code(PREFIX + name.upper()), kind_of(field), default, field.get("description", "")
