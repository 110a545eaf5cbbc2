"""What the catalogue's tool says without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.topics.__main__ import main
from deploy.topics.catalogue import remedy
from shared.kafka.topics import Drift, DriftKind

FILE = """
operators:
  fjord:
    links: [{name: fjord-1, host: 127.0.0.1, port: 2775, system_id: fjord, password_env: FJORD_PASSWORD}]
routes:
  - {prefix: "+", operator: fjord}
"""


@pytest.fixture
def operators(tmp_path: Path) -> str:
    path = tmp_path / "operators.yaml"
    path.write_text(FILE)
    return str(path)


@pytest.mark.parametrize(("profile", "sizes"), [("local", ["4", "1"]), ("production", ["12", "3"])])
def test_the_table_has_a_line_for_every_topic_of_the_operators_in_the_file(
    operators: str, capsys: pytest.CaptureFixture[str], profile: str, sizes: list[str]
) -> None:
    assert main(["describe", "--profile", profile, "--operators", operators]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines}
    assert len(rows) == len(lines)
    assert head.split()[:3] == ["topic", "partitions", "replicas"]
    assert rows["sms.dispatch.fjord.express"][1:3] == sizes
    assert "sms.dispatch.fjord.express.dlq" in rows
    assert not any("tinde" in name for name in rows)


@pytest.mark.parametrize(
    ("drift", "says"),
    [
        (Drift("t", DriftKind.MISSING, "", "t", None), "t: missing; create it"),
        (Drift("t", DriftKind.PARTITIONS, "", "12", "4"), "t: 4 partitions instead of 12; more can be added"),
        (Drift("t", DriftKind.REPLICATION, "", "3", "1"), "t: 1 replicas instead of 3"),
        (Drift("t", DriftKind.CONFIG, "retention.ms", "9", None), "t: retention.ms is the default instead of 9"),
        (Drift("t", DriftKind.CONFIG, "segment.ms", None, "5"), "t: segment.ms is 5 instead of the default"),
    ],
)
def test_every_difference_says_what_to_do(drift: Drift, says: str) -> None:
    assert remedy(drift).startswith(says)


def test_what_is_not_given_is_named(
    operators: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BUDSTIKKE_KAFKA", raising=False)
    monkeypatch.delenv("BUDSTIKKE_OPERATORS", raising=False)
    assert main(["compare", "--operators", operators]) == 2
    assert "--bootstrap, or set BUDSTIKKE_KAFKA" in capsys.readouterr().err
    assert main(["describe"]) == 2
    assert "--operators, or set BUDSTIKKE_OPERATORS" in capsys.readouterr().err
    assert main(["describe", "--operators", f"{operators}.missing"]) == 2
    assert "bad_operators" in capsys.readouterr().err


def test_a_broker_that_does_not_answer_is_named(operators: str, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    assert main(["create", "--operators", operators, "--bootstrap", nowhere]) == 2
    assert nowhere in capsys.readouterr().err
