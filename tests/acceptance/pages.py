"""Pages with commands, and running them against the system of these tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from deploy.local.settings import ROOT
from tests.acceptance.system import System

_SECONDS = 90


def blocks(page: Path) -> list[str]:
    """The commands of a page, as they stand in its `sh` blocks."""
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[Path]:
    """The files that a page leads to."""
    return [page.parent / target for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]


def known(system: System) -> str:
    """The command that tells a shell where everything is."""
    return f"set -a; source '{system.local_env}'; set +a"


async def bash(script: str, instead: Mapping[str, str] | None = None) -> tuple[int | None, str]:
    """Exit code and all output of a script in the checkout's folder; the first command that fails ends it.

    Words of `instead` are replaced. What the script left running is ended with it.
    """
    for word, other in (instead or {}).items():
        assert word in script, word
        script = script.replace(word, other)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_SECONDS):
        output, _ = await process.communicate()
    return process.returncode, output.decode()
