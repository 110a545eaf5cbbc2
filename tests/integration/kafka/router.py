"""A service of ours in a process of its own, to see how it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.integration.kafka.conftest import ROOT

LONGEST = 40.0
OPERATORS = """
operators:
  fjord:
    links: [{name: fjord-1, host: 127.0.0.1, port: 2775, system_id: fjord, password_env: BUDSTIKKE_SMSC_PASSWORD}]
routes:
  - {prefix: "+", operator: fjord}
"""


class Router:
    """`python -m services.dispatch router` on some cluster, with `seconds` of patience and `more` settings."""

    def __init__(self, folder: Path, kafka: str, seconds: float, **more: str) -> None:
        operators = folder / "operators.yaml"
        operators.write_text(OPERATORS)
        self._environment = os.environ | {
            "BUDSTIKKE_KAFKA": kafka,
            "BUDSTIKKE_OPERATORS": str(operators),
            "BUDSTIKKE_KEY_STORE": str(folder),
            "BUDSTIKKE_HEALTH_PORT": "0",
            "BUDSTIKKE_START_SECONDS": str(seconds),
            **more,
        }

    async def end(self) -> tuple[int | None, str]:
        """Its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.dispatch",
            "router",
            cwd=ROOT,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), LONGEST)
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise
        return process.returncode, output.decode()
