"""`python -m deploy.topics {create|compare|describe}`: the catalogue's topics, on a broker or in a table.

    create     create the topics that are missing; what is there stays as it is
    compare    say where the broker differs from the catalogue
    describe   the catalogue as a table, without a broker

Exit codes: 0 done, or no difference; 1 the broker differs; 2 a wrong option or setting, or no answer from the broker.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.topics.catalogue import Catalogue, remedy
from services.dispatch.operators import config
from shared.contracts.topics import PROFILES
from shared.errors import BadSettings, BudstikkeError

_KAFKA = "BUDSTIKKE_KAFKA"
_OPERATORS = "BUDSTIKKE_OPERATORS"


def say(line: str) -> None:
    """One line for whoever called."""
    sys.stdout.write(f"{line}\n")


def create(catalogue: Catalogue, bootstrap: str) -> int:
    """Create and say what is new."""
    new = catalogue.create(bootstrap)
    for spec in catalogue.specs:
        if spec.name in new:
            say(f"created {spec.name}, {spec.partitions} partitions")
    say(f"{len(catalogue.specs)} topics there, {len(new)} of them new")
    return 0


def compare(catalogue: Catalogue, bootstrap: str) -> int:
    """Compare and say each difference."""
    drifts = catalogue.compare(bootstrap)
    for drift in drifts:
        say(remedy(drift))
    say(f"{len(drifts)} differences in {len(catalogue.specs)} topics")
    return 1 if drifts else 0


def run(options: argparse.Namespace) -> int:
    """One command. Raises BudstikkeError."""
    operators = config.load(Path(_given(options.operators, "--operators", _OPERATORS))).operators
    catalogue = Catalogue(tuple(operators), PROFILES[options.profile])
    if options.command == "describe":
        for line in catalogue.table():
            say(line)
        return 0
    bootstrap = _given(options.bootstrap, "--bootstrap", _KAFKA)
    return (create if options.command == "create" else compare)(catalogue, bootstrap)


def _given(value: str | None, option: str, variable: str) -> str:
    if not value:
        raise BadSettings("bad_settings", f"give {option}, or set {variable}")
    return value


def main(arguments: Sequence[str]) -> int:
    """Command line; the exit code."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of a dead address, the error says as well
    parser = argparse.ArgumentParser(
        prog="python -m deploy.topics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("create", "compare", "describe"))
    parser.add_argument("--profile", choices=PROFILES, default="local", help="sizes of the topics (default local)")
    parser.add_argument("--operators", default=os.environ.get(_OPERATORS), help=f"operators file (else {_OPERATORS})")
    parser.add_argument("--bootstrap", default=os.environ.get(_KAFKA), help=f"host:port of brokers (else {_KAFKA})")
    try:
        return run(parser.parse_args(arguments))
    except BudstikkeError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
