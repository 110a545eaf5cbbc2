from __future__ import annotations

import re

import pytest

from shared.contracts import topics
from shared.contracts.topics import LOCAL, PRODUCTION, Kept, KeyedBy, Personal, Profile, catalogue, specs
from shared.contracts.words import Lane
from shared.ids import AccountId

OPERATORS = ("nordic", "western")
ALL = catalogue(OPERATORS)
DAY = 24 * 3_600_000
FEW = ("config.", "abuse.", "billing.", "privacy.", "sms.counts", "ingest.signals", "dispatch.links")
ROLES = {
    f"{service}.{role}"
    for service, roles in {
        "ingest": "api smpp mail clients screening signals desk scheduler privacy",
        "dispatch": "router sender sweeper strex privacy",
        "dlr": "status webhooks relay inbound api privacy",
        "billing": "usage invoicing premium api privacy",
        "retention": "orders proof api",
    }.items()
    for role in roles.split()
}


def test_the_catalogue_names_the_topics_of_the_message_path() -> None:
    alive = {topic.name for topic in ALL if not topic.name.endswith(".dlq")}
    lanes = ("express", "standard", "bulk")
    assert alive == {
        *(f"sms.requests.{lane}" for lane in lanes),
        *(f"sms.accepted.{lane}" for lane in lanes),
        *(f"sms.dispatch.{operator}.{lane}" for operator in (*OPERATORS, "test") for lane in lanes),
        "dispatch.returns",
        "dispatch.links",
        "sms.facts",
        "sms.receipts",
        "sms.events",
        "sms.holds",
        "sms.scheduled",
        "sms.inbound",
        "dlr.inbound-events",
        "sms.counts",
        "abuse.signals",
        "ingest.signals-windows-changelog",
        "config.accounts",
        "config.opt-outs",
        "premium.orders",
        "premium.events",
        "billing.usage",
        "billing.invoices",
        "billing.settlements",
        "billing.payouts",
        "billing.refunds",
        "privacy.orders",
        "privacy.receipts",
    }


def test_names_are_unique_and_legal_on_a_broker() -> None:
    names = [topic.name for topic in ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9.-]{1,249}", name) for name in names)


@pytest.mark.parametrize("profile", [LOCAL, PRODUCTION])
def test_everything_about_one_message_lies_in_the_partition_of_one_number(profile: Profile) -> None:
    by_message = {KeyedBy.MESSAGE, KeyedBy.MESSAGE_OR_OPERATOR_ID, KeyedBy.HOLD}
    counts = {topic.spec(profile).partitions for topic in ALL if topic.keyed_by in by_message}
    assert counts == {profile.message_partitions}


def test_every_topic_that_is_read_in_a_group_has_a_dead_letter_topic_that_its_readers_write() -> None:
    by_name = {topic.name: topic for topic in ALL}
    for topic in ALL:
        dead = by_name.get(topics.dead_letters(topic.name))
        if not topic.consumers or topic.kept in {Kept.COMPACTED, Kept.TABLE}:
            assert dead is None
            continue
        assert dead is not None
        assert dead.producers == topic.consumers
        assert dead.keyed_by is KeyedBy.SOURCE


FLOWING = [topic for topic in ALL if topic.kept is Kept.FLOW]
COMPACTED = [topic for topic in ALL if topic.kept is Kept.COMPACTED]


@pytest.mark.parametrize("topic", COMPACTED, ids=lambda topic: topic.name)
def test_of_a_compacted_topic_only_the_last_record_of_a_key_stays_longer_than_a_day(topic: topics.Topic) -> None:
    config = topic.spec(PRODUCTION).config
    assert config["cleanup.policy"] == "compact"
    assert int(config["max.compaction.lag.ms"]) == DAY
    assert int(config["delete.retention.ms"]) == 7 * DAY
    assert topic.spec(PRODUCTION).partitions == 1
    assert topic.personal in {Personal.NONE, Personal.PSEUDONYM}


@pytest.mark.parametrize("profile", [LOCAL, PRODUCTION])
def test_a_table_has_the_partitions_of_what_it_is_made_of_and_is_compacted_each_hour(profile: Profile) -> None:
    table, counts = (
        next(topic for topic in ALL if topic.name == name).spec(profile)
        for name in (topics.SIGNAL_WINDOWS, topics.COUNTS)
    )
    assert table.partitions == counts.partitions
    assert table.config["cleanup.policy"] == "compact"
    assert int(table.config["max.compaction.lag.ms"]) == DAY // 24


def test_counts_are_kept_a_day() -> None:
    (topic,) = (topic for topic in ALL if topic.name == topics.COUNTS)
    assert topic.spec(PRODUCTION).config["retention.ms"] == str(DAY)


@pytest.mark.parametrize("topic", FLOWING, ids=lambda topic: topic.name)
def test_a_record_is_gone_eight_days_after_the_broker_took_it(topic: topics.Topic) -> None:
    config = topic.spec(PRODUCTION).config
    assert config["cleanup.policy"] == "delete"
    assert int(config["retention.ms"]) + int(config["segment.ms"]) == 8 * DAY
    assert config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("name", "days"), [(topics.PREMIUM_ORDERS, 7), (topics.PREMIUM_EVENTS, 30)])
def test_premium_is_in_the_partition_of_its_transaction_and_kept_a_month_where_it_is_not_sealed(
    name: str, days: int
) -> None:
    (topic,) = (topic for topic in ALL if topic.name == name)
    assert topic.spec(PRODUCTION).config["retention.ms"] == str(days * DAY)
    assert topic.spec(PRODUCTION).partitions == PRODUCTION.message_partitions


def test_production_survives_the_loss_of_a_broker() -> None:
    for spec in specs(OPERATORS, PRODUCTION):
        assert spec.replication == 3
        assert spec.config["min.insync.replicas"] == "2"


def test_one_machine_has_one_replica_and_few_partitions() -> None:
    for spec in specs(OPERATORS, LOCAL):
        assert (spec.replication, spec.config["min.insync.replicas"]) == (1, "1")
        assert spec.partitions == (1 if spec.name.startswith(FEW) or spec.name.endswith(".dlq") else 4)


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_writers_and_readers_are_known_roles(topic: topics.Topic) -> None:
    assert topic.producers
    assert {*topic.producers, *topic.consumers} <= ROLES


def test_topics_that_carry_numbers_or_texts_say_so() -> None:
    declared = {topic.name: topic.personal for topic in ALL}
    for lane in Lane:
        assert declared[topics.requests(lane)] is Personal.SEALED
        assert declared[topics.accepted(lane)] is Personal.SEALED
        assert declared[topics.dispatch("nordic", lane)] is Personal.SEALED
    assert declared[topics.RECEIPTS] is Personal.SEALED_NUMBER
    assert declared[topics.EVENTS] is Personal.SEALED_NUMBER
    assert declared[topics.FACTS] is Personal.NONE
    assert all(declared[f"{name}.dlq"] is declared[name] for name in declared if f"{name}.dlq" in declared)


def test_an_account_has_a_pair_of_topics_for_its_own_systems_and_nobody_elses() -> None:
    asked, told = topics.client_pair(AccountId("acme"))
    assert (asked.name, told.name) == ("clients.acme.requests", "clients.acme.events")
    assert (asked.producers, told.consumers) == (("client-acme",), ("client-acme",))
    assert {asked.personal, told.personal} == {Personal.CLEAR}
    for topic in (asked, told):
        assert topic.spec(PRODUCTION).partitions == 1
        assert topic.spec(PRODUCTION).replication == 3
        assert topic.spec(PRODUCTION).config["message.timestamp.type"] == "LogAppendTime"


def test_retry_topics_belong_to_the_one_consumer_that_declares_them() -> None:
    source = next(topic for topic in topics.catalogue(["fjord"]) if topic.name == topics.EVENTS)
    tiers = topics.retry_topics(source, "dlr.webhooks", ("30s", "5m"))
    assert [tier.name for tier in tiers] == ["sms.events.retry.30s", "sms.events.retry.5m"]
    assert {(tier.producers, tier.consumers) for tier in tiers} == {(("dlr.webhooks",), ("dlr.webhooks",))}
    assert {(tier.kept, tier.personal) for tier in tiers} == {(topics.Kept.FLOW, source.personal)}
