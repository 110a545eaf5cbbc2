"""The simulator as a process: says where it is, serves, is told how to behave, and stops cleanly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "simulators.strex"]


def test_it_announces_its_ports_serves_and_stops(tmp_path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    arguments = ["--key", f"ours={tmp_path / 'key.pem'}", "--settle", "0"]
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            control = f"http://127.0.0.1:{ready['control_port']}"
            assert httpx.get(f"http://127.0.0.1:{ready['port']}/api/ping").json() == "pong"
            assert httpx.put(f"{control}/control", json={"fault": "cut_after"}).json()["settings"]["settle_ms"] == 0
            assert httpx.put(f"{control}/control", json={"fault": "bad"}).status_code == 422
            assert httpx.put(f"{control}/profiles/+4798079008", json={"scenario": "late"}).status_code == 204
            assert httpx.get(f"{control}/profiles").json()["+4798079008"]["scenario"] == "late"
            assert httpx.get(f"{control}/control").json()["totals"]["charges"] == 0
            assert httpx.get(f"{control}/transactions").json() == {"transactions": []}
            assert httpx.get(f"{control}/export/2026-11-23.csv").text.startswith("TransactionId,Created,")
            process.terminate()
            output, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, output) == (0, b"")


def test_a_key_that_cannot_be_read_is_named() -> None:
    ended = subprocess.run([*COMMAND, "--key", "ours=/nowhere"], cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert b"--key ours" in ended.stderr
