"""The definitions of the Prometheus operator's resources, out of the Go module that holds them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from shared.errors import Fatal

_FILES: Final = (
    "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
)
_SECONDS: Final = 300.0


def fetch_definitions(listed: Path, folder: Path) -> list[Path]:
    """Files of CustomResourceDefinitions in `folder`, from the one module of the list, `<path>@<version> <sum>`.

    Raises Fatal `k8s_tools` when it cannot be fetched or is not what was named.
    """
    (line,) = (line for line in listed.read_text().splitlines() if line and not line.startswith("#"))
    module, checksum = line.split()
    command = ["go", "mod", "download", "-json", module]
    try:
        run = subprocess.run(  # noqa: S603 - our own list
            command,
            cwd=listed.parent,
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Fatal("k8s_tools", f"could not fetch {module} within {_SECONDS:g} s") from None
    if run.returncode:
        raise Fatal("k8s_tools", f"could not fetch {module}: {(run.stderr.strip() or run.stdout.strip())[-1000:]}")
    told = json.loads(run.stdout)
    if told["Sum"] != checksum:
        raise Fatal("k8s_tools", f"{module} is not what {listed.name} names")
    folder.mkdir(parents=True)
    return [Path(shutil.copyfile(Path(told["Dir"], name), folder / Path(name).name)) for name in _FILES]
