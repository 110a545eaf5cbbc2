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


def test_of_two_of_one_version_the_one_without_a_shared_library_is_taken(tmp_path: Path) -> None:
    for folder, says in (("shared", "exit 1"), ("whole", "exit 0")):
        (tmp_path / folder).mkdir()
        stand_in = tmp_path / folder / "python3.12"
        stand_in.write_text(f'#!/bin/sh\ncase "$2" in *libpython*) {says};; esac\n')
        stand_in.chmod(0o755)
    newer = tmp_path / "shared" / "python3.13"
    find = [ROOT / "deploy/local/find-python"]

    def found() -> str:
        environment = {"PATH": f"{tmp_path}/shared:{tmp_path}/whole"}
        return subprocess.run(find, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert found() == f"{tmp_path}/whole/python3.12"
    newer.symlink_to(tmp_path / "shared" / "python3.12")
    assert found() == f"{newer}"


def test_an_environment_for_tests_is_not_cut_back_to_that_of_a_run() -> None:
    assert widest("local", "dev") == "dev"
    assert widest("dev", "local") == "dev"
    assert widest("local", None) == "local"
