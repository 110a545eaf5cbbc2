"""The Dockerfile: linted, since nothing here can build it, and faults that the linter must find."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.k8s.checks.findings import Finding
from deploy.k8s.checks.tools import Tools
from deploy.local.settings import ROOT

DOCKERFILE: Final = ROOT / "deploy/image/Dockerfile"

FAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "an image of no version": ("FROM ${PYTHON} AS packages", "FROM python AS packages"),
    "root at the end": ("USER 10001:10001", "USER root"),
    "a program that is no instruction": ("WORKDIR /app", "WORKDIRS /app"),
    "a folder that depends on where one stood": ("WORKDIR /app", "WORKDIR app"),
    "an entry through a shell": ('["python", "-m"]', "python -m"),
    "packages left in a cache": ("--no-cache-dir ", ""),
    "a copy that may unpack or fetch": ("COPY shared/", "ADD shared/"),
}
"""What is replaced by what in the good file."""


def lint(tools: Tools, text: str) -> list[Finding]:
    """What hadolint has to say, of any severity."""
    run = subprocess.run(  # noqa: S603 - our own tool
        [str(tools.hadolint), "--no-color", "--format", "json", "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [
        Finding(one["code"], f"Dockerfile line {one['line']}", one["message"]) for one in json.loads(run.stdout or "[]")
    ]


def missed(tools: Tools, path: Path = DOCKERFILE) -> list[str]:
    """The planted faults that the linter does not see."""
    text = path.read_text(encoding="utf-8")
    return [
        what for what, (good, bad) in FAULTS.items() if good not in text or not lint(tools, text.replace(good, bad))
    ]
