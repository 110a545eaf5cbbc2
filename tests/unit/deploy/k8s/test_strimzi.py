"""Topics and users for Strimzi follow from the catalogue."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
import yaml

from deploy.k8s.roles import folders, settings_of
from deploy.k8s.strimzi.__main__ import EXAMPLE, main
from deploy.k8s.strimzi.access import Kind, Resource, access_lists
from deploy.k8s.strimzi.resources import topics, users
from shared.contracts.topics import (
    PRODUCTION,
    Kept,
    KeyedBy,
    Personal,
    Topic,
    catalogue,
    client_pair,
    dead_letters,
    retry_topics,
)
from shared.ids import AccountId

OPERATORS = ("fjord", "tinde")


def topic(name: str, producers: tuple[str, ...], consumers: tuple[str, ...]) -> Topic:
    return Topic(name, KeyedBy.MESSAGE, Kept.FLOW, Personal.NONE, producers, consumers)


def test_the_committed_files_are_what_the_catalogue_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_every_topic_of_the_catalogue_is_there_in_its_size() -> None:
    made = {one["metadata"]["name"]: one["spec"] for one in topics(OPERATORS)}
    wanted = {spec.name: spec for spec in (one.spec(PRODUCTION) for one in catalogue(OPERATORS))}
    assert made.keys() == wanted.keys()
    assert all(made[name]["partitions"] == spec.partitions for name, spec in wanted.items())
    assert all(made[name]["config"] == dict(spec.config) for name, spec in wanted.items())
    assert "sms.dispatch.tinde.bulk.dlq" in made


def test_a_writer_may_write_and_a_reader_read_with_its_groups_and_dead_letters() -> None:
    source = topic("a", producers=("one.writes",), consumers=("two.reads",))
    dead = topic(dead_letters("a"), producers=("two.reads",), consumers=())
    lists = access_lists([source, dead])
    assert lists["one.writes"] == {Resource(Kind.TOPIC, "a"): ("Describe", "Write")}
    assert lists["two.reads"] == {
        Resource(Kind.GROUP, "two.reads", prefix=True): ("Describe", "Read"),
        Resource(Kind.TOPIC, "a"): ("Describe", "Read"),
        Resource(Kind.TOPIC, "a.dlq"): ("Describe", "Write"),
        Resource(Kind.TRANSACTIONAL_ID, "two.reads", prefix=True): ("Describe", "Write"),
    }


def test_a_consumer_with_retries_both_writes_and_reads_them() -> None:
    source = topic("a", producers=("one.writes",), consumers=("two.reads",))
    lists = access_lists([source, *retry_topics(source, "two.reads")])
    assert lists["two.reads"][Resource(Kind.TOPIC, "a.retry.5m")] == ("Describe", "Read", "Write")
    assert not any("retry" in resource.name for resource in lists["one.writes"])


def test_topics_of_client_systems_are_open_to_the_roles_of_the_pair_alone() -> None:
    everybody = Resource(Kind.TOPIC, "clients.", prefix=True)
    lists = access_lists(catalogue(OPERATORS))
    pair = client_pair(AccountId("any"))
    roles = {who for one in pair for who in (*one.producers, *one.consumers)} - {"client-any"}
    found = {who: access[everybody] for who, access in lists.items() if everybody in access}
    assert found.pop("dlr.status") == ("Describe",), "it asks which accounts have topics, and no more"
    assert found.keys() == roles
    assert "client-any" not in lists


def test_what_one_role_may_read_no_other_does_by_the_beginning_of_its_name() -> None:
    names = access_lists(catalogue(OPERATORS))
    assert [(one, other) for one, other in permutations(names, 2) if other.startswith(one)] == []


def test_who_is_on_kafka_is_named_in_the_catalogue_and_the_other_way_round() -> None:
    on_kafka = {f"{role.service}.{role.name}" for role in folders() if "kafka" in settings_of(role).model_fields}
    named = set(access_lists(catalogue(OPERATORS)))
    assert on_kafka - named == set(), "no topic of the catalogue names them as producer or consumer"
    assert {who for who in named if "." in who} - on_kafka == set(), "the catalogue names roles that are not on Kafka"


def test_every_user_proves_itself_and_is_named_as_its_deployment() -> None:
    made = list(users(OPERATORS))
    assert {"ingest-api", "ingest-screening", "dispatch-sender", "dlr-status"} <= {
        one["metadata"]["name"] for one in made
    }
    assert all(one["spec"]["authentication"] == {"type": "scram-sha-512"} for one in made)


def test_files_of_other_operators_are_written_where_they_are_wanted_and_a_second_time_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operators = tmp_path / "operators.yaml"
    operators.write_text(
        "operators: {voss: {links: [{name: v, host: v.example, port: 1, system_id: b, password_file: /p}]}}\n"
        "routes: [{prefix: '+', operator: voss}]\n"
    )
    options = ["--operators", str(operators), "--to", str(tmp_path / "kafka")]
    assert main([*options, "--check"]) == 1
    assert not (tmp_path / "kafka").exists()
    assert main(options) == 0
    names = {one["metadata"]["name"] for one in yaml.safe_load_all((tmp_path / "kafka/topics.yaml").read_text())}
    assert "sms.dispatch.voss.express" in names
    assert not any("fjord" in name for name in names)
    capsys.readouterr()
    assert main(options) == 0
    assert capsys.readouterr().out == ""


def test_an_operators_file_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--operators", str(tmp_path / "none.yaml"), "--to", str(tmp_path)]) == 2
    assert "bad_operators" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_example_names_the_cluster_once_for_all() -> None:
    kustomization = yaml.safe_load((EXAMPLE / "kafka/kustomization.yaml").read_text())
    assert kustomization["labels"] == [{"pairs": {"strimzi.io/cluster": "budstikke"}}]
