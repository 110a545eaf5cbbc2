"""`python -m deploy.k8s.checks`: are the manifests and the Dockerfile good, and would the check notice if not?

Renders every kustomization, holds the overlays against the schemas and the rules, lints the Dockerfile, compares
Strimzi's resources and the alarms with their catalogues, and plants faults of which each must be found.

Exit codes: 0 all is good; 1 something is not; 2 the tools cannot be had.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from deploy.k8s.alarms.__main__ import main as alarms
from deploy.k8s.checks.dockerfile import DOCKERFILE, lint, missed
from deploy.k8s.checks.faults import FAULTS, Fault, Good
from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Manifest, manifests
from deploy.k8s.checks.rendering import SCHEMA, against_schemas, render
from deploy.k8s.checks.rules import RULES
from deploy.k8s.checks.schemas import VERSIONS
from deploy.k8s.checks.tools import Tools, ensure
from deploy.k8s.strimzi.__main__ import main as strimzi
from shared.errors import Fatal, Refused

FOLDER: Final = Path(__file__).parents[1]


def by_rules(documents: Sequence[Manifest]) -> list[Finding]:
    """What the rules find."""
    world = manifests(documents)
    return [finding for rule in RULES for finding in rule(world)]


def overlooked(tools: Tools, documents: Sequence[Manifest], fault: Fault) -> bool:
    """Whether a planted fault is not found by what should see it."""
    good = Good(documents)
    fault.plant(good)
    if fault.seen_by == SCHEMA:
        changed = [document for document in good.documents if document not in documents]
        return not against_schemas(tools, changed, VERSIONS[-1:])
    return all(finding.rule != fault.seen_by for finding in by_rules(good.documents))


def check(tools: Tools) -> Iterator[str]:
    """One line for each thing that is not good."""
    for folder in sorted(path.parent for path in FOLDER.glob("base/**/kustomization.yaml")):
        render(tools, folder)
    yield from map(str, against_schemas(tools, render(tools, FOLDER / "base")))
    for overlay in sorted(path for path in (FOLDER / "overlays").iterdir() if path.is_dir()):
        documents = render(tools, overlay)
        yield from (f"{overlay.name}: {one}" for one in (*against_schemas(tools, documents), *by_rules(documents)))
        say(f"{overlay.name}: {len(documents)} manifests, Kubernetes {' and '.join(VERSIONS)}, {len(RULES)} rules")
        unseen = [fault.what for fault in FAULTS if overlooked(tools, documents, fault)]
        say(f"{overlay.name}: {len(FAULTS) - len(unseen)} of {len(FAULTS)} planted faults found")
        yield from (f"{overlay.name}: a planted fault was not found: {what}" for what in unseen)
    yield from map(str, lint(tools, DOCKERFILE.read_text(encoding="utf-8")))
    yield from (f"Dockerfile: a planted fault was not found: {what}" for what in missed(tools))
    if alarms(["--check"]):
        yield "the manifest of the alarms is not what their catalogue gives"
    if strimzi(["--check"]):
        yield "Strimzi's resources are not what the catalogue gives"


def say(line: str) -> None:
    """One line for whoever called."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def conclude(faults: Sequence[str], good: str) -> int:
    """Say each, or that there is none; the exit code."""
    for fault in faults:
        say(fault)
    say(f"{len(faults)} faults" if faults else good)
    return 1 if faults else 0


def main() -> int:
    """Check; the exit code."""
    try:
        tools = ensure(say)
    except Fatal as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        faults = list(check(tools))
    except Refused as error:
        faults = [str(error)]
    return conclude(faults, "the manifests are good")


if __name__ == "__main__":
    sys.exit(main())
