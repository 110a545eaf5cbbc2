"""The package stands alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "clients/python/budstikke_client"


def test_it_needs_httpx_alone_and_nothing_of_ours(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import budstikke_client\n"
        "top = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not top & {'shared', 'services', 'msgspec', 'aiokafka', 'pydantic'}, top\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program, str(PACKAGE.parent)], check=True, cwd=tmp_path)


def test_it_is_typed_strictly() -> None:
    assert (PACKAGE / "py.typed").exists()
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", "/dev/null"]
    run = subprocess.run(
        [*command, "--ignore-missing-imports", "-p", "budstikke_client"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_no_file_of_it_imports_what_lies_beside_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not any(line.startswith(("from shared", "from services", "import shared")) for line in text.splitlines())
