"""Which installer takes over follows from how pip is configured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.bootstrap import read_pip_options, uv_may, widest

ROOT = Path(__file__).resolve().parents[3]


def test_pip_s_listing_is_read_whatever_the_section() -> None:
    listing = ":env:.cert='/etc/ca.crt'\nglobal.index-url='https://host.example/simple?a=b'\ninstall.no-index='true'\n"
    assert read_pip_options(listing) == {
        "cert": "/etc/ca.crt",
        "index-url": "https://host.example/simple?a=b",
        "no-index": "true",
    }


@pytest.mark.parametrize("option", ["index-url", "extra-index-url", "no-index", "proxy", "client-cert"])
def test_pip_installs_where_pip_alone_knows_the_way(option: str) -> None:
    assert not uv_may({option: "x"}, {})


def test_uv_installs_where_it_has_an_index_of_its_own() -> None:
    assert uv_may({"index-url": "x"}, {"UV_DEFAULT_INDEX": "y"})


def test_uv_installs_where_pip_is_told_nothing_that_matters() -> None:
    assert uv_may({"cert": "/etc/ca.crt", "default-timeout": "180"}, {})


@pytest.mark.parametrize("module", ["bootstrap", "prerequisites", "terminal", "leash"])
def test_setting_up_needs_the_standard_library_alone(module: str) -> None:
    isolated = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); import deploy.local.{module}"]
    run = subprocess.run(isolated, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_makefile_finds_a_python_that_fits() -> None:
    found = subprocess.run([ROOT / "deploy/local/find-python"], capture_output=True, text=True, check=True).stdout
    fits = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    assert subprocess.run([found.strip(), "-c", fits], check=False).returncode == 0


def test_an_environment_for_tests_is_not_cut_back_to_that_of_a_run() -> None:
    assert widest("local", "dev") == "dev"
    assert widest("dev", "local") == "dev"
    assert widest("local", None) == "local"
