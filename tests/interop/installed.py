"""Which independent peers this machine has, and the command that installs each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from deploy.local.settings import ROOT

DEMANDED: Final = "INTEROP_DEMANDED"
"""Variable that makes a missing peer a failure: `make test-interop` sets it."""

NODE_MODULES: Final = ROOT / "var/cache/interop/node_modules"
_LOCK: Final = Path(__file__).with_name("npm") / "package-lock.json"


class Peer(msgspec.Struct, frozen=True):
    """A program of somebody else's; `install` is the command that brings it."""

    name: str
    install: str
    present: Callable[[], bool]

    def require(self) -> None:
        """For the top of a module: skip it where the peer is missing, or fail it where peers are demanded.

        Either names the command that installs the peer.
        """
        if self.present():
            return
        if os.environ.get(DEMANDED):
            pytest.fail(f"{self.name} is not here; this installs it: {self.install}", pytrace=False)
        pytest.skip(self.install, allow_module_level=True)


def program(name: str) -> str | None:
    """Where a program is, also in the folder that only root has in its PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")


def _of_npm(package: str) -> Peer:
    """A package, there in the version of the lock."""

    def present() -> bool:
        installed = NODE_MODULES / package / "package.json"
        if program("node") is None or not installed.exists():
            return False
        locked = msgspec.json.decode(_LOCK.read_bytes())["packages"][f"node_modules/{package}"]["version"]
        return bool(msgspec.json.decode(installed.read_bytes())["version"] == locked)

    return Peer(f"npm {package}", f"{_NPM}tests/interop/install npm", present)


_NPM: Final = "" if program("npm") else "apt-get install nodejs npm && "
NPM_SMPP: Final = _of_npm("smpp")
NPM_SEGMENTS: Final = _of_npm("sms-segments-calculator")
KANNEL: Final = Peer(
    "Kannel", "apt-get install kannel", lambda: program("bearerbox") is not None and program("smsbox") is not None
)
