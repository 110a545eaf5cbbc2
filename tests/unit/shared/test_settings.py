from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import BadSettings
from shared.kafka.settings import Credentials
from shared.settings import KafkaRoleSettings, RoleSettings, StoreRoleSettings, load, read_secret

SECRET = "mongodb://user:hunter2@127.0.0.1:27017"
GOOD = {
    "BUDSTIKKE_HEALTH_PORT": "0",
    "BUDSTIKKE_KAFKA": "127.0.0.1:9092",
    "BUDSTIKKE_MONGODB": SECRET,
    "BUDSTIKKE_KEY_STORE": "/var/keys",
}


def faults(changes: dict[str, str], kind: type[RoleSettings] = StoreRoleSettings) -> str:
    with pytest.raises(BadSettings) as caught:
        load(kind, {**GOOD, **changes})
    assert caught.value.code == "bad_settings"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value.detail


def test_good_settings_are_typed_values() -> None:
    settings = load(StoreRoleSettings, {**GOOD, "BUDSTIKKE_MESSAGE_PARTITIONS": "12", "HOME": "/root"})
    assert settings.health_port == 0
    assert settings.message_partitions == 12
    assert settings.key_store == Path("/var/keys")
    assert settings.mongodb.get_secret_value() == SECRET
    assert settings.host == "127.0.0.1"


def test_every_wrong_variable_is_named_at_once_with_its_meaning() -> None:
    detail = faults({"BUDSTIKKE_HEALTH_PORT": "70000", "BUDSTIKKE_KAFKA": "", "BUDSTIKKE_LOG_LEVEL": "loud"})
    assert sorted(re.findall(r"BUDSTIKKE_\w+", detail)) == [
        "BUDSTIKKE_HEALTH_PORT",
        "BUDSTIKKE_KAFKA",
        "BUDSTIKKE_LOG_LEVEL",
    ]
    assert "(bootstrap addresses, host:port with commas between)" in detail


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(BadSettings) as caught:
        load(KafkaRoleSettings, {})
    assert "BUDSTIKKE_HEALTH_PORT" in caught.value.detail
    assert "BUDSTIKKE_KAFKA" in caught.value.detail


@pytest.mark.parametrize("name", ["BUDSTIKKE_KEY_STORE", "BUDSTIKKE_MONGODB", "BUDSTIKKE_KAFKA"])
def test_an_empty_variable_is_an_absent_one(name: str) -> None:
    assert faults({name: ""}).startswith(f"{name}: Field required")


def test_an_empty_variable_leaves_the_default() -> None:
    assert load(StoreRoleSettings, {**GOOD, "BUDSTIKKE_LOG_LEVEL": ""}).log_level == "info"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUDSTIKKE_HEALTH_PORT", "hunter2"),
        ("BUDSTIKKE_HEALTH_PORT", "-1"),
        ("BUDSTIKKE_MESSAGE_PARTITIONS", "0"),
        ("BUDSTIKKE_MESSAGE_PARTITIONS", "257"),
        ("BUDSTIKKE_START_SECONDS", "nan"),
        ("BUDSTIKKE_START_SECONDS", "inf"),
        ("BUDSTIKKE_DRAIN_SECONDS", "0"),
        ("BUDSTIKKE_LOG_LEVEL", "hunter2"),
    ],
)
def test_a_value_out_of_range_is_refused_without_being_shown(name: str, value: str) -> None:
    detail = faults({name: value})
    assert detail.startswith(f"{name}: ")
    assert "hunter2" not in detail


def test_secrets_are_not_in_the_representation() -> None:
    settings = load(StoreRoleSettings, GOOD)
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(StoreRoleSettings, GOOD).host = "0.0.0.0"


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDSTIKKE_KAFKA", "elsewhere:9092")
    monkeypatch.setenv("BUDSTIKKE_HOST", "192.0.2.1")
    with pytest.raises(BadSettings, match="BUDSTIKKE_KAFKA: Field required"):
        load(KafkaRoleSettings, {"BUDSTIKKE_HEALTH_PORT": "0"})
    assert load(KafkaRoleSettings, GOOD).host == "127.0.0.1"


def test_without_one_given_the_environment_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert load(StoreRoleSettings).kafka == "127.0.0.1:9092"


def test_a_secret_is_what_its_file_holds_without_white_space(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" " + b"s" * 32 + b"\n")
    assert read_secret(file) == b"s" * 32


@pytest.mark.parametrize("content", [b"", b"hunter2", b"s" * 31 + b"\n"])
def test_a_secret_that_is_short_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(BadSettings, match=r"BUDSTIKKE_INTERNAL_SECRET: holds fewer than 32 octets$"):
        read_secret(file)


def test_a_secret_that_cannot_be_read_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"BUDSTIKKE_INTERNAL_SECRET: cannot be read \(No such file or directory\)$"):
        read_secret(tmp_path / "absent")


def test_a_role_logs_in_to_kafka_as_the_user_it_is_given(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2hunter2\n")
    told = {"BUDSTIKKE_KAFKA": "b:1", "BUDSTIKKE_HEALTH_PORT": "0"}
    assert load(KafkaRoleSettings, told).cluster("c").credentials is None
    user = {"BUDSTIKKE_KAFKA_USER": "dlr-status", "BUDSTIKKE_KAFKA_PASSWORD": str(password)}
    cluster = load(KafkaRoleSettings, told | user).cluster("c")
    assert (cluster.client_id, cluster.tls) == ("c", None)
    assert cluster.credentials == Credentials("dlr-status", "hunter2hunter2")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"BUDSTIKKE_KAFKA_USER": "dlr-status"}, "BUDSTIKKE_KAFKA_PASSWORD"),
        ({"BUDSTIKKE_KAFKA_PASSWORD": "/nowhere"}, "BUDSTIKKE_KAFKA_USER"),
        ({"BUDSTIKKE_KAFKA_USER": "u", "BUDSTIKKE_KAFKA_PASSWORD": "/nowhere"}, "BUDSTIKKE_KAFKA_PASSWORD"),
        ({"BUDSTIKKE_KAFKA_CA": "/nowhere"}, "BUDSTIKKE_KAFKA_CA"),
    ],
)
def test_a_login_to_kafka_that_cannot_be_used_names_its_variable(changes: dict[str, str], named: str) -> None:
    settings = load(KafkaRoleSettings, {"BUDSTIKKE_KAFKA": "b:1", "BUDSTIKKE_HEALTH_PORT": "0"} | changes)
    with pytest.raises(BadSettings, match=named):
        settings.cluster("c")
