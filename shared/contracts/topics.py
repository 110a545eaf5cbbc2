"""The catalogue of topics: who writes, who reads, keyed by what, kept how long, holding what of people.

Everything else about topics comes from here: the local set-up, manifests, access lists, the drift check.
Applications never create topics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.retries import TIERS
from shared.kafka.topics import TopicSpec

_DAY_MS = 24 * 3_600_000


class KeyedBy(StrEnum):
    """What the record key is; `MESSAGE` and `TRANSACTION` also decide the partition (`shared.ids.partition_of`)."""

    MESSAGE = "message id"
    ACCOUNT = "account id"
    ACCOUNT_AND_SIGNAL = "account id and signal"
    ACCOUNT_AND_PSEUDONYM = "account id, scope and pseudonym"
    HOLD = "hold id; in the message's partition"
    MESSAGE_OR_OPERATOR_ID = "message id, else operator and its id"
    THREAD = "receiving number and sender's pseudonym"
    SOURCE = "as in the source topic"
    CLIENT = "the client system's own"
    ANSWERED = "message id, or id of the refused request"
    TRANSACTION = "transaction id"
    DOCUMENT = "document id"
    OPERATOR = "operator"


class Kept(StrEnum):
    """Retention class, with the broker settings behind it (`settings_of`)."""

    FLOW = "flow"
    DAY = "day"
    MONTH = "month"
    FINANCE = "finance"
    COMPACTED = "compacted"
    TABLE = "table"


class Personal(StrEnum):
    """What a topic holds of people."""

    SEALED = "sealed"
    SEALED_NUMBER = "sealed number"
    PSEUDONYM = "pseudonym"
    CLEAR = "number and text in clear, the account's own"
    NONE = "none"


class Profile(msgspec.Struct, frozen=True):
    """What differs between one machine and production."""

    message_partitions: int
    other_partitions: int
    replication: int
    min_insync: int


LOCAL = Profile(message_partitions=4, other_partitions=1, replication=1, min_insync=1)
PRODUCTION = Profile(message_partitions=12, other_partitions=12, replication=3, min_insync=2)
PROFILES = {"local": LOCAL, "production": PRODUCTION}


class Topic(msgspec.Struct, frozen=True):
    """One topic of the catalogue."""

    name: str
    keyed_by: KeyedBy
    kept: Kept
    personal: Personal
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    def spec(self, profile: Profile) -> TopicSpec:
        """What the broker is told to create."""
        return TopicSpec(
            name=self.name,
            partitions=self._partitions(profile),
            replication=profile.replication,
            config=settings_of(self.kept, profile),
        )

    def _partitions(self, profile: Profile) -> int:
        """One for a compacted topic: every instance reads it whole, in one order. One for a client system's, of which
        there are two per account; more may be added to a busy one. One for documents of finance, few and in order.
        """
        if self.kept is Kept.COMPACTED or self.keyed_by in {KeyedBy.CLIENT, KeyedBy.ANSWERED, KeyedBy.DOCUMENT}:
            return 1
        if self.keyed_by in _AS_MESSAGES:
            return profile.message_partitions
        return profile.other_partitions


_AS_MESSAGES = frozenset(
    {KeyedBy.MESSAGE, KeyedBy.HOLD, KeyedBy.MESSAGE_OR_OPERATOR_ID, KeyedBy.TRANSACTION, KeyedBy.THREAD}
)
"""Topics keyed by these have as many partitions as the message path."""

_COMPACTED = {
    "cleanup.policy": "compact",
    "max.compaction.lag.ms": str(_DAY_MS),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(7 * _DAY_MS),
    "message.timestamp.type": "LogAppendTime",
}

_SETTINGS: dict[Kept, dict[str, str]] = {
    Kept.FLOW: {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * _DAY_MS),
        "segment.ms": str(_DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    },
    Kept.DAY: {
        "cleanup.policy": "delete",
        "retention.ms": str(_DAY_MS),
        "segment.ms": str(_DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    },
    Kept.MONTH: {
        "cleanup.policy": "delete",
        "retention.ms": str(30 * _DAY_MS),
        "segment.ms": str(_DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    },
    Kept.FINANCE: {
        "cleanup.policy": "delete",
        "retention.ms": str(395 * _DAY_MS),
        "segment.ms": str(30 * _DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    },
    Kept.COMPACTED: _COMPACTED,
    Kept.TABLE: _COMPACTED,
}


def settings_of(kept: Kept, profile: Profile) -> dict[str, str]:
    """Broker settings of a retention class.

    `flow`: seven days with segments of one day and broker time, so a record is gone in eight days whatever a
    producer's clock says; the broker judges age by whole segments.

    `day` and `month`: the same with one day, and with thirty.

    `finance`: thirteen months, so that a year can be read again; nothing of people is in it.

    `compacted`: the last record of each key stays; an older one is gone a day later (the lag also rolls the segment),
    and a tombstone after seven more, time enough for a reader that was away.

    `table`: the same, for what a consumer keeps beside each partition that it reads: as many partitions as that topic,
    and each instance reads those that it owns.
    """
    return {**_SETTINGS[kept], "min.insync.replicas": str(profile.min_insync)}


def requests(lane: Lane) -> str:
    """Messages that a door took over."""
    return f"sms.requests.{lane}"


def accepted(lane: Lane) -> str:
    """Messages that screening let pass."""
    return f"sms.accepted.{lane}"


def dispatch(operator: str, lane: Lane) -> str:
    """Messages ordered to an operator."""
    return f"{_DISPATCH}{operator}.{lane}"


def operator_of(topic: str) -> str:
    """The operator of such a topic."""
    return topic.removeprefix(_DISPATCH).rpartition(".")[0]


_DISPATCH = "sms.dispatch."


LINGER: dict[Lane, float] = {Lane.EXPRESS: 0.0, Lane.STANDARD: 0.008, Lane.BULK: 0.016}
"""Seconds without news after which a stage begins a transaction, per lane; it waits five times as long at most."""

TEST_OPERATOR = "test"
"""The operator that is built in. Test messages go to it and to no other, and nothing else does."""

RETURNS = "dispatch.returns"
LINKS = "dispatch.links"
FACTS = "sms.facts"
RECEIPTS = "sms.receipts"
EVENTS = "sms.events"
HOLDS = "sms.holds"
SCHEDULED = "sms.scheduled"
INBOUND = "sms.inbound"
INBOUND_EVENTS = "dlr.inbound-events"
COUNTS = "sms.counts"
SIGNALS = "abuse.signals"
SIGNAL_WINDOWS = "ingest.signals-windows-changelog"
"""The changelog of a table of Faust, which makes its name: group, table, `changelog`."""
ACCOUNTS = "config.accounts"
OPT_OUTS = "config.opt-outs"
PREMIUM_ORDERS = "premium.orders"
PREMIUM_EVENTS = "premium.events"
USAGE = "billing.usage"
INVOICES = "billing.invoices"
SETTLEMENTS = "billing.settlements"
PAYOUTS = "billing.payouts"
REFUNDS = "billing.refunds"
PRIVACY_ORDERS = "privacy.orders"
PRIVACY_RECEIPTS = "privacy.receipts"


def client_requests(account_id: AccountId) -> str:
    """What the account's own systems ask to be sent: bodies of `POST /v1/messages`."""
    return f"clients.{account_id}.requests"


def client_events(account_id: AccountId) -> str:
    """What the account's own systems are told: statuses as in a webhook, and refused requests."""
    return f"clients.{account_id}.events"


def client_user(account_id: AccountId) -> str:
    """The broker's user of the account's own systems; also what the names of their groups begin with."""
    return f"client-{account_id}"


def client_pair(account_id: AccountId) -> tuple[Topic, Topic]:
    """An account's topics for its own systems, made when it is provisioned: no other account has a part in them."""
    return (
        Topic(
            name=client_requests(account_id),
            keyed_by=KeyedBy.CLIENT,
            kept=Kept.FLOW,
            personal=Personal.CLEAR,
            producers=(client_user(account_id),),
            consumers=("ingest.clients",),
        ),
        Topic(
            name=client_events(account_id),
            keyed_by=KeyedBy.ANSWERED,
            kept=Kept.FLOW,
            personal=Personal.CLEAR,
            producers=("ingest.clients", "dlr.relay"),
            consumers=(client_user(account_id),),
        ),
    )


def dead_letters(topic: str) -> str:
    """Where records of a topic go that no attempt will ever handle."""
    return f"{topic}.dlq"


def retry(topic: str, tier: str) -> str:
    """Where records of a topic wait for a tier's delay, such as `5m`, before the same consumer gets them again."""
    return f"{topic}.retry.{tier}"


def retry_topics(topic: Topic, consumer: str, tiers: Sequence[str] = TIERS) -> tuple[Topic, ...]:
    """The retry topics of the one consumer of a topic that declares them: nobody else has a part in them."""
    return tuple(
        Topic(
            name=retry(topic.name, tier),
            keyed_by=KeyedBy.SOURCE,
            kept=Kept.FLOW,
            personal=topic.personal,
            producers=(consumer,),
            consumers=(consumer,),
        )
        for tier in tiers
    )


def _message_path(operators: Sequence[str]) -> Iterator[Topic]:
    for lane in Lane:
        yield Topic(
            name=requests(lane),
            keyed_by=KeyedBy.MESSAGE,
            kept=Kept.FLOW,
            personal=Personal.SEALED,
            producers=("ingest.api", "ingest.clients", "ingest.desk", "dlr.inbound"),
            consumers=("ingest.screening", "dlr.status"),
        )
        yield Topic(
            name=accepted(lane),
            keyed_by=KeyedBy.MESSAGE,
            kept=Kept.FLOW,
            personal=Personal.SEALED,
            producers=("ingest.screening",),
            consumers=("dispatch.router",),
        )
        for operator in (*operators, TEST_OPERATOR):
            yield Topic(
                name=dispatch(operator, lane),
                keyed_by=KeyedBy.MESSAGE,
                kept=Kept.FLOW,
                personal=Personal.SEALED,
                producers=("dispatch.router",),
                consumers=("dispatch.sender",),
            )
    yield Topic(
        name=RETURNS,
        keyed_by=KeyedBy.MESSAGE,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("dispatch.sender", "dispatch.sweeper"),
        consumers=("dispatch.router",),
    )
    yield Topic(
        name=LINKS,
        keyed_by=KeyedBy.OPERATOR,
        kept=Kept.COMPACTED,
        personal=Personal.NONE,
        producers=("dispatch.sender",),
        consumers=("dispatch.router", "dispatch.sender"),
    )
    yield Topic(
        name=FACTS,
        keyed_by=KeyedBy.MESSAGE,
        kept=Kept.FLOW,
        personal=Personal.NONE,
        producers=("ingest.screening", "ingest.desk", "dispatch.router", "dispatch.sender", "dispatch.sweeper"),
        consumers=("dlr.status",),
    )
    yield Topic(
        name=RECEIPTS,
        keyed_by=KeyedBy.MESSAGE_OR_OPERATOR_ID,
        kept=Kept.FLOW,
        personal=Personal.SEALED_NUMBER,
        producers=("dispatch.sender", "dlr.status"),
        consumers=("dlr.status", "dispatch.sweeper"),
    )
    yield Topic(
        name=EVENTS,
        keyed_by=KeyedBy.MESSAGE,
        kept=Kept.FLOW,
        personal=Personal.SEALED_NUMBER,
        producers=("dlr.status",),
        consumers=("dlr.webhooks", "dlr.relay", "billing.usage"),
    )


def _waiting() -> Iterator[Topic]:
    yield Topic(
        name=HOLDS,
        keyed_by=KeyedBy.HOLD,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("ingest.screening", "ingest.desk"),
        consumers=("ingest.desk",),
    )
    yield Topic(
        name=SCHEDULED,
        keyed_by=KeyedBy.MESSAGE,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("ingest.screening",),
        consumers=("ingest.desk",),
    )


def _incoming() -> Iterator[Topic]:
    yield Topic(
        name=INBOUND,
        keyed_by=KeyedBy.THREAD,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("dispatch.sender",),
        consumers=("dlr.inbound",),
    )
    yield Topic(
        name=INBOUND_EVENTS,
        keyed_by=KeyedBy.THREAD,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("dlr.inbound",),
        consumers=("dlr.webhooks", "dlr.relay"),
    )


def _abuse() -> Iterator[Topic]:
    yield Topic(
        name=COUNTS,
        keyed_by=KeyedBy.ACCOUNT,
        kept=Kept.DAY,
        personal=Personal.NONE,
        producers=("ingest.screening",),
        consumers=("ingest.signals",),
    )
    yield Topic(
        name=SIGNALS,
        keyed_by=KeyedBy.ACCOUNT_AND_SIGNAL,
        kept=Kept.COMPACTED,
        personal=Personal.NONE,
        producers=("ingest.signals",),
        consumers=("ingest.screening",),
    )
    yield Topic(
        name=SIGNAL_WINDOWS,
        keyed_by=KeyedBy.ACCOUNT,
        kept=Kept.TABLE,
        personal=Personal.NONE,
        producers=("ingest.signals",),
        consumers=("ingest.signals",),
    )


def _config() -> Iterator[Topic]:
    yield Topic(
        name=ACCOUNTS,
        keyed_by=KeyedBy.ACCOUNT,
        kept=Kept.COMPACTED,
        personal=Personal.NONE,
        producers=("ingest.api",),
        consumers=("ingest.clients", "ingest.screening", "dlr.inbound", "retention.orders"),
    )
    yield Topic(
        name=OPT_OUTS,
        keyed_by=KeyedBy.ACCOUNT_AND_PSEUDONYM,
        kept=Kept.COMPACTED,
        personal=Personal.PSEUDONYM,
        producers=("dlr.api", "dlr.inbound"),
        consumers=("ingest.api", "ingest.screening", "dispatch.sender"),
    )


def _premium() -> Iterator[Topic]:
    yield Topic(
        name=PREMIUM_ORDERS,
        keyed_by=KeyedBy.TRANSACTION,
        kept=Kept.FLOW,
        personal=Personal.SEALED,
        producers=("ingest.api", "dlr.inbound", "billing.premium"),
        consumers=("dispatch.strex",),
    )
    yield Topic(
        name=PREMIUM_EVENTS,
        keyed_by=KeyedBy.TRANSACTION,
        kept=Kept.MONTH,
        personal=Personal.PSEUDONYM,
        producers=("dispatch.strex",),
        consumers=("billing.premium",),
    )


def _finance() -> Iterator[Topic]:
    producers_of = {
        USAGE: ("billing.usage", "billing.invoicing"),
        INVOICES: ("billing.invoicing",),
        SETTLEMENTS: ("billing.premium",),
        PAYOUTS: ("billing.premium",),
        REFUNDS: ("billing.premium",),
    }
    for name, producers in producers_of.items():
        yield Topic(
            name=name,
            keyed_by=KeyedBy.DOCUMENT,
            kept=Kept.FINANCE,
            personal=Personal.NONE,
            producers=producers,
            consumers=(),
        )


def _privacy() -> Iterator[Topic]:
    owners = ("ingest.privacy", "dispatch.privacy", "dlr.privacy", "billing.privacy")
    yield Topic(
        name=PRIVACY_ORDERS,
        keyed_by=KeyedBy.DOCUMENT,
        kept=Kept.MONTH,
        personal=Personal.PSEUDONYM,
        producers=("retention.orders",),
        consumers=owners,
    )
    yield Topic(
        name=PRIVACY_RECEIPTS,
        keyed_by=KeyedBy.DOCUMENT,
        kept=Kept.MONTH,
        personal=Personal.NONE,
        producers=owners,
        consumers=("retention.proof",),
    )


def catalogue(operators: Sequence[str]) -> tuple[Topic, ...]:
    """Every topic of a system with these operators, dead-letter topics included.

    Whoever reads a compacted topic whole skips what it cannot read: there is no dead letter of that, nor of a table.
    """
    topics = (
        *_message_path(operators),
        *_waiting(),
        *_incoming(),
        *_abuse(),
        *_config(),
        *_premium(),
        *_finance(),
        *_privacy(),
    )
    dead = tuple(
        Topic(
            name=dead_letters(topic.name),
            keyed_by=KeyedBy.SOURCE,
            kept=Kept.FLOW,
            personal=topic.personal,
            producers=topic.consumers,
            consumers=(),
        )
        for topic in topics
        if topic.consumers and topic.kept not in {Kept.COMPACTED, Kept.TABLE}
    )
    return topics + dead


def specs(operators: Sequence[str], profile: Profile) -> tuple[TopicSpec, ...]:
    """The catalogue as what a broker is told to create."""
    return tuple(topic.spec(profile) for topic in catalogue(operators))
