"""Kustomizations as manifests, and manifests against the schemas."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.manifests import Manifest
from deploy.k8s.checks.schemas import VERSIONS
from deploy.k8s.checks.tools import Tools
from shared.errors import Refused

SCHEMA: Final = "schema"
_SECONDS: Final = 60.0
_ONE_WORKER: Final = ("-n", "1")  # each compiles the schemas for itself: four took three times as long
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def render(tools: Tools, folder: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send. Raises Refused `kustomize`."""
    run = _run([str(tools.kubectl), "kustomize", str(folder)])
    if run.returncode:
        raise Refused("kustomize", f"{folder.name}: {run.stderr.strip()}")
    return [document for document in yaml.load_all(run.stdout, _Loader) if document]


def against_schemas(tools: Tools, manifests: Iterable[Manifest], versions: Sequence[str] = VERSIONS) -> list[Finding]:
    """What no schema of these versions of Kubernetes allows; a kind without a schema is a finding too."""
    text = yaml.safe_dump_all(manifests)
    return [finding for version in versions for finding in _invalid(tools, text, version)]


def _invalid(tools: Tools, text: str, version: str) -> list[Finding]:
    places = (
        f"{tools.core / version}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        f"{tools.custom}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
    )
    options = [word for place in places for word in ("-schema-location", place)]
    run = _run([str(tools.kubeconform), "-strict", "-output", "json", *_ONE_WORKER, *options, "-"], text)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        raise Refused("kubeconform", run.stderr.strip() or run.stdout.strip()) from None
    found = report.get("resources") or []
    if run.returncode and not found:
        raise Refused("kubeconform", run.stderr.strip() or "ended without saying why")
    return [
        Finding(SCHEMA, f"{one['kind']} {one['name']}", f"Kubernetes {version}: {one['msg'].strip()}") for one in found
    ]


def _run(command: Sequence[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own tools
        command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
