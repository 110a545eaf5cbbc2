"""Who may import whom: the borders of the architecture, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset({"shared", "services", "simulators", "cli", "clients", "deploy", "tests"})
MAY_IMPORT = {
    "shared": {"shared"},
    "services": {"shared", "services"},
    "simulators": {"shared", "simulators"},
    "cli": {"shared", "cli"},
    "clients": {"clients"},
}
"""For each folder, what of our own it may import. A service is further bound to itself."""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, wherever it stands; a relative one begins with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def is_foreign(path: Path, name: str) -> bool:
    """Whether a file of ours may not import this."""
    folder, *below = path.relative_to(ROOT).parts
    top, *rest = name.split(".")
    if top == "":
        return True
    if top not in OURS:
        return False
    if top not in MAY_IMPORT[folder]:
        return True
    return folder == top == "services" and len(below) > 1 and rest[:1] != below[:1]


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_nobody_imports_across_a_border(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(folder)
        for line, name in imported(path.read_text(encoding="utf-8"))
        if is_foreign(path, name)
    ]
    assert found == []


def test_the_command_speaks_to_the_gateway_alone() -> None:
    allowed = (
        "shared.contracts.words",
        "shared.clock",
        "shared.explanations",
        "shared.money.amounts",
        "shared.privacy.proof",
    )
    used = {name for path in sources("cli") for _, name in imported(path.read_text(encoding="utf-8"))}
    assert [name for name in sorted(used) if name.startswith("shared") and not name.startswith(allowed)] == []


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import a.b as c\nfrom d import e, f\ndef g():\n    from . import h\n    from .i import j\n"
    assert sorted(name for _, name in imported(source)) == ["..h", ".i.j", "a.b", "d.e", "d.f"]


@pytest.mark.parametrize(
    ("file", "name", "foreign"),
    [
        ("services/ingest/api/app.py", "shared.errors.Refused", False),
        ("services/ingest/api/app.py", "services.ingest.accounts.store", False),
        ("services/ingest/api/app.py", "services.dlr.status.fold", True),
        ("services/ingest/api/app.py", "services.dlr", True),
        ("services/ingest/api/app.py", "simulators.smsc", True),
        ("services/ingest/api/app.py", ".bodies", True),
        ("services/ingest/api/app.py", "starlette.routing.Route", False),
        ("shared/http.py", "services.ingest.settings", True),
        ("shared/http.py", "shared.errors", False),
        ("shared/http.py", "cli.app", True),
        ("simulators/smsc/server.py", "services.dispatch.sender", True),
        ("simulators/smsc/server.py", "shared.smpp.pdu", False),
        ("cli/app.py", "services.ingest.api", True),
        ("cli/app.py", "tests.support", True),
    ],
)
def test_the_borders_are_those_of_the_architecture(file: str, name: str, foreign: bool) -> None:
    assert is_foreign(ROOT / file, name) is foreign
