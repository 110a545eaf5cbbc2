"""How the check of the manifests reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.k8s.checks.deep import SEEN
from deploy.k8s.checks.faults import FAULTS
from deploy.k8s.checks.manifests import amount, manifests, matches
from deploy.k8s.checks.rules.links import no_secrets
from deploy.k8s.checks.schemas import schemas_of, strict
from deploy.k8s.checks.tools import GIVEN_SCHEMAS, ensure
from shared.errors import Fatal


@pytest.mark.parametrize(
    ("quantity", "value"), [("500m", 0.5), ("2", 2.0), (2, 2.0), ("1Ki", 1024.0), ("1.5G", 1.5e9), ("64Mi", 2.0**26)]
)
def test_a_quantity_is_a_number(quantity: str | int, value: float) -> None:
    assert amount(quantity) == pytest.approx(value)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "1", "c": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_selector_finds_labels_as_kubernetes_does(selector: dict[str, object], found: bool) -> None:
    assert matches(selector, {"a": "1", "b": "2"}) is found


@pytest.mark.parametrize(
    ("value", "is_secret"),
    [
        ("mongodb://user:hunter2@db.example/ingest", True),
        ("rediss://:hunter2@valkey.example:6379", True),
        ("-----BEGIN PRIVATE KEY-----", True),
        ("https://strex.example:8443/api", False),
        ("budstikke-kafka-bootstrap.kafka.svc:9092", False),
    ],
)
def test_a_password_is_seen_wherever_it_stands(value: str, is_secret: bool) -> None:
    world = manifests([{"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"X": value}}])
    found = list(no_secrets(world))
    assert bool(found) is is_secret
    assert "hunter2" not in f"{found}"


def test_a_schema_of_kubernetes_becomes_strict_where_it_does_not_say_otherwise() -> None:
    made = strict(
        {
            "type": "object",
            "description": "dropped",
            "properties": {
                "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "config": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}},
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
                "absent": {"type": "string", "nullable": True},
            },
        }
    )
    assert made["additionalProperties"] is False
    assert "description" not in made
    assert made["properties"]["size"] == {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    assert "additionalProperties" not in made["properties"]["config"]
    assert made["properties"]["list"]["items"]["additionalProperties"] is False
    assert made["properties"]["absent"]["type"] == ["string", "null"]


def test_a_definition_gives_a_schema_per_version_that_knows_its_own_kind() -> None:
    made = schemas_of(
        {
            "spec": {
                "group": "kafka.strimzi.io",
                "names": {"kind": "KafkaTopic"},
                "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {}}}}],
            }
        }
    )
    assert list(made) == ["kafka.strimzi.io/kafkatopic_v1.json"]
    schema = made["kafka.strimzi.io/kafkatopic_v1.json"]
    assert schema["properties"]["apiVersion"] == {"const": "kafka.strimzi.io/v1"}
    assert schema["required"] == ["apiVersion", "kind", "metadata"]


def test_a_machine_without_go_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GIVEN_SCHEMAS, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Fatal, match=r"Go 1\.26"):
        ensure(print, tmp_path / "cache")


def test_what_a_server_is_to_refuse_is_planted() -> None:
    assert {fault.what for fault in FAULTS} >= SEEN
