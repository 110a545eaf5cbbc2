"""`python -m deploy.k8s.strimzi [--check] [--operators FILE] [--to FOLDER]`: topics.yaml and users.yaml for Strimzi.

They follow from the catalogue and from the names in the operators file. Without options it writes those of
overlays/production-example. With `--check` nothing is written.

Exit codes: 0 written, or nothing to write; 1 with `--check`: a file differs; 2 a wrong option or operators file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import yaml

from deploy.k8s.strimzi import resources
from deploy.k8s.strimzi.resources import Manifest
from services.dispatch.operators import config
from shared.errors import BudstikkeError

EXAMPLE: Final = Path(__file__).parents[1] / "overlays/production-example"
OPERATORS: Final = EXAMPLE / "services/operators.yaml"
FOLDER: Final = EXAMPLE / "kafka"

_HEAD: Final = "# Written by `python -m deploy.k8s.strimzi` from the catalogue of topics: change that, not this.\n"
_WIDTH: Final = 120


def files(operators: Path) -> dict[str, str]:
    """Text by file name. Raises BudstikkeError for an operators file that cannot be used."""
    names = tuple(config.load(operators).operators)
    return {"topics.yaml": _text(resources.topics(names)), "users.yaml": _text(resources.users(names))}


def _text(manifests: Iterable[Manifest]) -> str:
    documents = list(manifests)
    return _HEAD + yaml.safe_dump_all(documents, sort_keys=False, width=_WIDTH, explicit_start=True)


def main(arguments: Sequence[str]) -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.k8s.strimzi", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("--operators", type=Path, default=OPERATORS, help="operators file")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of topics.yaml and users.yaml")
    options = parser.parse_args(arguments)
    try:
        wanted = files(options.operators)
    except BudstikkeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    differing = [name for name, text in wanted.items() if _read(options.to / name) != text]
    for name in differing:
        if options.check:
            sys.stderr.write(f"{name} is not what the catalogue gives: run `python -m deploy.k8s.strimzi`\n")
        else:
            options.to.mkdir(parents=True, exist_ok=True)
            (options.to / name).write_text(wanted[name], encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 1 if options.check and differing else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
