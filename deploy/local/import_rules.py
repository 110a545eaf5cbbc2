"""Who may import whom: `shared` nobody's code, a service never another, simulators and clients no service.

`python -m deploy.local.import_rules` prints each breach as `file:line` and ends with 1 if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.local.settings import ROOT

_OURS = ("shared", "services", "simulators", "cli", "clients", "deploy", "tests")
# A part, and what of ours it may import besides itself. A service is a part of its own.
_MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "shared": (),
    "services": ("shared",),
    "simulators": ("shared",),
    "cli": ("shared", "clients"),
    "clients": ("shared.contracts",),
    "deploy": ("shared",),
}


def breaches(root: Path) -> Iterator[str]:
    """One line per import that is not allowed."""
    for top in _MAY_IMPORT:
        for path in sorted((root / top).rglob("*.py")):
            where = path.relative_to(root)
            for line, module in _imports(ast.parse(path.read_text())):
                if not allowed(where.parts, module):
                    yield f"{where}:{line}: {'.'.join(_part(where.parts))} may not import {module}"


def allowed(importer: tuple[str, ...], module: str) -> bool:
    """Whether a file (its path's parts) may import a module; what is not ours is always allowed."""
    words = tuple(module.split("."))
    if words[0] not in _OURS:
        return True
    own = _part(importer)
    permitted = [own, *(tuple(name.split(".")) for name in _MAY_IMPORT[importer[0]])]
    return any(words[: len(name)] == name for name in permitted)


def _part(importer: tuple[str, ...]) -> tuple[str, ...]:
    """`("services", "ingest")` for anything in that service, else the top folder alone."""
    return importer[:2] if importer[0] == "services" and len(importer) > 2 else importer[:1]


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


if __name__ == "__main__":
    found = list(breaches(ROOT))
    print("\n".join(found) or "import rules: all kept")
    sys.exit(bool(found))
