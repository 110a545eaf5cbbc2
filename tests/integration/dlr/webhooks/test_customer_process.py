"""The simulated customer as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from tests.conftest import ROOT


@pytest.fixture
def told() -> Iterator[dict[str, int]]:
    process = subprocess.Popen([sys.executable, "-m", "simulators.customer"], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(process.stdout.readline())
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_it_takes_what_comes_and_misbehaves_as_told(told: dict[str, int]) -> None:
    hook, control = (f"http://127.0.0.1:{told[name]}" for name in ("port", "control_port"))
    with httpx.Client(trust_env=False) as http:
        assert http.get(f"{control}/ready").status_code == 200
        assert http.post(f"{hook}/a?b=c", content=b"{}").status_code == 200
        http.put(f"{control}/control", json={"status": 503, "retry_after": "5"}).raise_for_status()
        http.put(f"{control}/control", params={"path": "/b"}, json={"status": 410}).raise_for_status()
        answer = http.post(f"{hook}/a", content=b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert http.post(f"{hook}/b", content=b"{}").status_code == 410
        taken = http.get(f"{control}/deliveries", params={"limit": 2}).json()
        assert ([one["path"] for one in taken["deliveries"]], taken["next"]) == (["/a?b=c", "/a"], 2)
        assert http.put(f"{control}/control", json={"manners": "none"}).status_code == 422
        assert http.get(f"{control}/deliveries", params={"after": "x"}).status_code == 422
        assert http.delete(f"{control}/deliveries").status_code == 204
        assert http.get(f"{control}/control").json()["deliveries"] == 3
