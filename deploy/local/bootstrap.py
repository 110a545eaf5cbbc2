"""Make `.venv` and install a locked set of packages into it: `python3 -m deploy.local.bootstrap {local|dev}`.

Runs under the system's Python with the standard library alone. A second call with nothing to do takes a fraction of a
second. Works with any way that pip is configured on the machine: where pip is told of an index of its own, pip
installs; else uv does, ten times faster, and pip takes over when uv cannot.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.prerequisites import look, missing
from deploy.local.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
_VENV = ROOT / ".venv"
_PYTHON = _VENV / "bin/python"
_STAMP = _VENV / "installed.json"
_LOCK = ROOT / "var/setup.lock"
_REQUIREMENTS = ROOT / "requirements"
# Which sets each set includes: after `make test`, `make run` has nothing to install.
_COVERS = {"local": ("local",), "dev": ("dev", "local")}
# Settings of pip (without the part before the dot) that uv does not read and that decide where packages come from.
_PIP_ONLY = frozenset({"index-url", "extra-index-url", "no-index", "proxy", "client-cert", "trusted-host"})
_UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")


class SetupError(Exception):
    """Setting up cannot go on; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Set up; the exit code."""
    terminal = Terminal()
    wanted = arguments[0] if arguments else "local"
    if is_installed(wanted):
        return 0
    terminal.title("Setting up")
    lacking = missing(look(ROOT))
    if lacking:
        terminal.failed("This machine lacks:")
        for item in lacking:
            terminal.line(f"    - {item.what}\n        {item.remedy}")
        return 1
    try:
        _LOCK.parent.mkdir(exist_ok=True)
        with _LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another `make` may be at the same
            if not is_installed(wanted):
                _make_venv(terminal)
                _install(widest(wanted, _held()), terminal)
    except (SetupError, OSError) as error:
        terminal.failed(str(error))
        return 1
    return 0


def is_installed(wanted: str) -> bool:
    """Whether `.venv` holds this set, from the lock files as they are now."""
    try:
        stamp = json.loads(_STAMP.read_text())
        return wanted in _COVERS[stamp["set"]] and stamp["digest"] == _digest(stamp["set"]) and _PYTHON.exists()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def widest(wanted: str, held: str | None) -> str:
    """The set to install: what the environment was made for before, if that covers what is wanted now.

    So `make run` after a change of the locks does not take the tools for tests and checks away again.
    """
    return held if held is not None and wanted in _COVERS.get(held, ()) else wanted


def _held() -> str | None:
    """The set of the last installation, whatever the lock files have become since."""
    try:
        return str(json.loads(_STAMP.read_text())["set"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _digest(name: str) -> str:
    """Changes with the lock files and with the Python that the environment was made of."""
    digest = hashlib.sha256((_VENV / "pyvenv.cfg").read_bytes())
    for lock in ("bootstrap", name):
        digest.update((_REQUIREMENTS / f"{lock}.txt").read_bytes())
    return digest.hexdigest()


def _make_venv(terminal: Terminal) -> None:
    """Keep an environment that works; make it anew when its Python is gone, too old, or it was left half made."""
    if _works():
        return
    shutil.rmtree(_VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=False).returncode or not _works():
        raise SetupError(f"{sys.executable} -m venv {_VENV} failed")
    terminal.done("environment", f".venv with Python {sys.version.split()[0]}")


def _works() -> bool:
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return _PYTHON.exists() and subprocess.run([_PYTHON, "-c", probe], capture_output=True, check=False).returncode == 0


def _install(name: str, terminal: Terminal) -> None:
    _STAMP.unlink(missing_ok=True)
    lock = _REQUIREMENTS / f"{name}.txt"
    count = sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text().splitlines())
    terminal.line(f"  installing {count} packages by their hashes; at the first time this takes a minute")
    by = "uv" if _by_uv(lock, terminal) else "pip"
    if by == "pip" and _pip("install", "--require-hashes", "-r", str(lock)):
        raise SetupError("pip could not install the packages (see above); is the network up?")
    _STAMP.write_text(json.dumps({"set": name, "digest": _digest(name)}))
    terminal.done("packages", f"{count} installed by {by}, each by its hash")


def _by_uv(lock: Path, terminal: Terminal) -> bool:
    """Install with uv. False when pip must: pip is configured in ways uv does not see, or uv failed."""
    options = _pip_options()
    if not uv_may(options, os.environ):
        return False
    if _pip("install", "-q", "--require-hashes", "-r", str(_REQUIREMENTS / "bootstrap.txt")):
        return False
    environment = dict(os.environ)
    if "cert" in options:
        environment.setdefault("SSL_CERT_FILE", options["cert"])
    command = [f"{_VENV}/bin/uv", "pip", "sync", "-q", "--python", str(_PYTHON), "--require-hashes", str(lock)]
    if subprocess.run(command, env=environment, check=False).returncode:
        terminal.line("  uv could not; pip tries")
        return False
    return True


def uv_may(pip_options: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Whether uv looks where pip is told to look: pip is told nothing, or uv is told for itself."""
    return not _PIP_ONLY & pip_options.keys() or any(environment.get(name) for name in _UV_INDEX)


def read_pip_options(listing: str) -> dict[str, str]:
    """`pip config list` as values by option name, without the section."""
    options = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        options[key.rpartition(".")[2]] = value.strip().strip("'\"")
    return options


def _pip_options() -> dict[str, str]:
    run = subprocess.run([_PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return read_pip_options(run.stdout)


def _pip(*arguments: str) -> int:
    return subprocess.run([_PYTHON, "-m", "pip", "--disable-pip-version-check", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
