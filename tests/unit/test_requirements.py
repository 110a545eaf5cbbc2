"""Each service has a lock of its own, which holds what it imports and no more, from one resolve with all others."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETS = ROOT / "requirements"
SERVICES = sorted(path.stem for path in (SETS / "services").glob("*.txt"))
ON_BEHALF = {"msgspec.yaml": "pyyaml", "zoneinfo": "tzdata", "uvicorn": "httptools"}
"""What a library or the standard library imports by itself when it is used."""


def named(path: Path) -> dict[str, str]:
    """Packages of an `.in` file, with what it includes, or of a lock; each with its version if it says one."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found |= named(path.parent / line.removeprefix("-r "))
        elif one := re.match(r"([A-Za-z0-9][\w.-]*)(?:==(\S+))?", line):
            found[one[1].lower().replace("_", "-")] = one[2] or ""
    return found


def imported(path: Path) -> Iterator[str]:
    """Dotted names of what a module imports, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "msgspec":
            yield f"msgspec.{node.attr}"  # msgspec.yaml is there without an import of its own


def files(name: str) -> Iterator[Path]:
    """The modules of ours that an import runs: the packages on the way and the module itself."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        path = ROOT.joinpath(*parts[:end])
        yield from (one for one in (path / "__init__.py", path.with_suffix(".py")) if one.exists())


def needed(service: str) -> set[str]:
    """Packages that a service and what it reaches of `shared/` import."""
    of = packages_distributions()
    left = set((ROOT / "services" / service).rglob("*.py"))
    seen: set[Path] = set()
    names: set[str] = set()
    while left:
        path = left.pop()
        seen.add(path)
        found = set(imported(path))
        names |= found
        left |= {one for name in found if name.startswith("shared.") for one in files(name)} - seen
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"shared", "services"}
    direct = {of[top][0].lower().replace("_", "-") for top in tops if top in of}
    return direct | {package for name, package in ON_BEHALF.items() if name in names}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_asks_for_what_it_imports_and_no_more(service: str) -> None:
    assert set(named(SETS / "services" / f"{service}.in")) == needed(service) - {"pydantic", "pydantic-core"}


@pytest.mark.parametrize("lock", ["local", "runtime", *(f"services/{service}" for service in SERVICES)])
def test_all_locks_are_of_one_resolve(lock: str) -> None:
    every = named(SETS / "dev.txt")
    assert {name: version for name, version in named(SETS / f"{lock}.txt").items() if every[name] != version} == {}


@pytest.mark.parametrize("lock", sorted(SETS.rglob("*.txt")), ids=lambda path: path.stem)
def test_every_package_is_locked_by_its_hash_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert named(lock)
    for package in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE):
        assert not package.strip() or package.startswith("#") or ("==" in package and "--hash=sha256:" in package)


def test_every_service_has_one() -> None:
    assert [path.parent.name for path in sorted((ROOT / "services").glob("*/__main__.py"))] == SERVICES
