"""The key that opens the door of a system which is started part by part."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from deploy.local import plan
from deploy.local.settings import ROOT, LocalSettings


def provisioned(settings: LocalSettings, told: Mapping[str, str]) -> str:
    """The key of the demo account, which is made. `told` is the environment of the services."""
    key_file = settings.keys / "demo-key"
    subprocess.run(
        [sys.executable, "-m", "services.ingest", "provision-demo", "--key-file", str(key_file)],
        cwd=ROOT,
        env=plan.with_health_port(told, 0),
        check=True,
        capture_output=True,
        timeout=60,
    )
    return key_file.read_text().strip()
