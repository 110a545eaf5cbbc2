"""`python -m deploy.k8s.checks.deep`: does an API server of Kubernetes take the manifests, and refuse planted faults?

What no schema says the server knows: validation, defaults, admission, Pod Security. Nothing is run: there are no nodes.

Exit codes: 0 all is good; 1 something is not; 2 the programs cannot be had.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from deploy.k8s.checks.__main__ import FOLDER, conclude, say
from deploy.k8s.checks.faults import FAULTS, Fault, Good
from deploy.k8s.checks.manifests import Manifest
from deploy.k8s.checks.rendering import SCHEMA, render
from deploy.k8s.checks.server import programs
from deploy.k8s.checks.server.apiserver import ApiServer, running
from deploy.k8s.checks.tools import ensure
from shared.errors import Fatal, Refused

SEEN: Final = frozenset(
    {
        "a pod as root",
        "a container that may gain rights",
        "a container that keeps capabilities",
        "a pod without seccomp",
        "a pod on a folder of the host",
        "a request above its limit",
        "a selector that finds no pod",
        "a name that is none",
    }
)
"""Planted faults that a server refuses, or warns of, beside those that a schema sees. It takes the others."""


def taken(server: ApiServer, documents: Sequence[Manifest], fault: Fault) -> bool:
    """Whether the server takes what a fault changes, without a word."""
    good = Good(documents)
    fault.plant(good)
    return not server.objections([document for document in good.documents if document not in documents])


def check(server: ApiServer, overlay: Path, documents: Sequence[Manifest]) -> Iterator[str]:
    """One line for each thing that is not good."""
    there = [one for one in documents if one["kind"] == "Namespace"]
    places = {one["metadata"]["namespace"] for one in documents if "namespace" in one["metadata"]}
    others = places - {one["metadata"]["name"] for one in there}
    server.make([*there, *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in others)])
    if said := server.objections(documents):
        yield f"{overlay.name}: {said}"
    say(f"{overlay.name}: {len(documents)} manifests shown to Kubernetes {programs.VERSION}")
    faults = [fault for fault in FAULTS if fault.seen_by == SCHEMA or fault.what in SEEN]
    unseen = [fault.what for fault in faults if taken(server, documents, fault)]
    say(f"{overlay.name}: {len(faults) - len(unseen)} of {len(faults)} planted faults refused")
    yield from (f"{overlay.name}: a planted fault was taken: {what}" for what in unseen)


def main() -> int:
    """Check; the exit code."""
    try:
        tools, servers = ensure(say), programs.ensure(say)
        with tempfile.TemporaryDirectory() as folder, running(servers, tools, Path(folder)) as server:
            overlays = sorted(path for path in (FOLDER / "overlays").iterdir() if path.is_dir())
            faults = [line for one in overlays for line in check(server, one, render(tools, one))]
    except Fatal as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Refused as error:
        faults = [str(error)]
    return conclude(faults, "the server takes the manifests")


if __name__ == "__main__":
    sys.exit(main())
