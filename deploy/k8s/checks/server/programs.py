"""etcd and kube-apiserver, built from source in the versions of `go.mod`; kept for as long as these stay the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from deploy.k8s.checks.caching import digest_of, once
from deploy.k8s.checks.schemas import make_definitions
from deploy.k8s.checks.tools import LISTS, lacking
from deploy.local.jars import JarCache, read_list
from deploy.local.settings import ROOT
from shared.errors import Fatal

CACHE: Final = ROOT / "var/cache/k8s-server"
VERSION: Final = "1.36.3"
"""Of Kubernetes, as `go.mod` has it."""

_MODULE: Final = Path(__file__).parent
_JARS: Final = LISTS / "jars.txt"
_STAMP: Final = "k8s.io/component-base/version"
_FLAGS: Final = f"-s -w -X {_STAMP}.gitVersion=v{VERSION} -X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor=36"
_PACKAGES: Final = {"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"}
_SECONDS: Final = 3600.0


class Programs(msgspec.Struct, frozen=True):
    """A folder with both, and the definitions of the custom resources that the manifests use."""

    folder: Path

    @property
    def etcd(self) -> Path:
        """What the server keeps everything in."""
        return self.folder / "etcd"

    @property
    def server(self) -> Path:
        """The API server."""
        return self.folder / "kube-apiserver"

    @property
    def definitions(self) -> Path:
        """A folder of CustomResourceDefinitions."""
        return self.folder / "definitions"


def ensure(say: Callable[[str], None], cache: Path = CACHE) -> Programs:
    """Both in place. Raises Fatal `k8s_tools`."""

    def make(folder: Path, scratch: Path) -> None:
        if lack := lacking():
            raise Fatal("k8s_tools", lack)
        make_definitions(JarCache(scratch / "jars").ensure(read_list(_JARS)), Programs(folder).definitions)
        for name, package in _PACKAGES.items():
            say(f"building {name}: some minutes, once")
            _build(package, folder / name)

    return Programs(once(cache, digest_of((Path(__file__), _MODULE / "go.mod", _MODULE / "go.sum", _JARS)), make))


def _build(package: str, program: Path) -> None:
    build = ["go", "build", "-C", str(_MODULE), "-mod=readonly", "-trimpath", f"-ldflags={_FLAGS}", "-o", str(program)]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    run = subprocess.run(  # noqa: S603 - our own lists
        [*build, package], env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if run.returncode:
        raise Fatal("k8s_tools", f"could not build {program.name}: {run.stderr.strip()[-1000:]}")
