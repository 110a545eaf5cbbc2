"""The catalogue of topics: who writes, who reads, keyed by what, kept how long, holding what of people.

Everything else about topics comes from here: the local set-up, manifests, access lists, the drift check.
Applications never create topics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.contracts.topics import names
from shared.contracts.topics.keeping import Kept, Profile
from shared.contracts.topics.topic import KeyedBy as By
from shared.contracts.topics.topic import Personal as Has
from shared.contracts.topics.topic import Topic
from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.retries import TIERS
from shared.kafka.topics import TopicSpec

_DOORS = "ingest.api ingest.clients ingest.desk dlr.inbound"
_OF_FACTS = "ingest.screening ingest.desk dispatch.router dispatch.sender dispatch.sweeper"
_OF_ACCOUNTS = "ingest.clients ingest.screening dlr.inbound retention.orders"
_OWNERS = "ingest.privacy dispatch.privacy dlr.privacy billing.privacy"


def _topic(name: str, keyed_by: By, kept: Kept, personal: Has, producers: str, consumers: str = "") -> Topic:
    """A row of the catalogue. Roles are told with blanks between them."""
    return Topic(name, keyed_by, kept, personal, tuple(producers.split()), tuple(consumers.split()))


def _lanes(operators: Sequence[str]) -> Iterator[Topic]:
    by, kept, of = By.MESSAGE, Kept.FLOW, Has.SEALED
    for lane in Lane:
        yield _topic(names.requests(lane), by, kept, of, _DOORS, "ingest.screening dlr.status")
        yield _topic(names.accepted(lane), by, kept, of, "ingest.screening", "dispatch.router")
        for operator in (*operators, names.TEST_OPERATOR):
            yield _topic(names.dispatch(operator, lane), by, kept, of, "dispatch.router", "dispatch.sender")


_TOPICS = (
    _topic(names.RETURNS, By.MESSAGE, Kept.FLOW, Has.SEALED, "dispatch.sender dispatch.sweeper", "dispatch.router"),
    _topic(names.LINKS, By.OPERATOR, Kept.COMPACTED, Has.NONE, "dispatch.sender", "dispatch.router dispatch.sender"),
    _topic(names.FACTS, By.MESSAGE, Kept.FLOW, Has.NONE, _OF_FACTS, "dlr.status"),
    _topic(
        names.RECEIPTS,
        By.MESSAGE_OR_OPERATOR_ID,
        Kept.FLOW,
        Has.SEALED_NUMBER,
        "dispatch.sender dlr.status",
        "dlr.status dispatch.sweeper",
    ),
    _topic(
        names.EVENTS, By.MESSAGE, Kept.FLOW, Has.SEALED_NUMBER, "dlr.status", "dlr.webhooks dlr.relay billing.usage"
    ),
    _topic(names.HOLDS, By.HOLD, Kept.FLOW, Has.SEALED, "ingest.screening ingest.desk", "ingest.desk"),
    _topic(names.SCHEDULED, By.MESSAGE, Kept.FLOW, Has.SEALED, "ingest.screening", "ingest.desk"),
    _topic(names.INBOUND, By.THREAD, Kept.FLOW, Has.SEALED, "dispatch.sender", "dlr.inbound"),
    _topic(names.INBOUND_EVENTS, By.THREAD, Kept.FLOW, Has.SEALED, "dlr.inbound", "dlr.webhooks dlr.relay"),
    _topic(names.COUNTS, By.ACCOUNT, Kept.DAY, Has.NONE, "ingest.screening", "ingest.signals"),
    _topic(names.SIGNALS, By.ACCOUNT_AND_SIGNAL, Kept.COMPACTED, Has.NONE, "ingest.signals", "ingest.screening"),
    _topic(names.SIGNAL_WINDOWS, By.ACCOUNT, Kept.TABLE, Has.NONE, "ingest.signals", "ingest.signals"),
    _topic(names.ACCOUNTS, By.ACCOUNT, Kept.COMPACTED, Has.NONE, "ingest.api", _OF_ACCOUNTS),
    _topic(
        names.OPT_OUTS,
        By.ACCOUNT_AND_PSEUDONYM,
        Kept.COMPACTED,
        Has.PSEUDONYM,
        "dlr.api dlr.inbound",
        "ingest.api ingest.screening dispatch.sender",
    ),
    _topic(
        names.PREMIUM_ORDERS,
        By.TRANSACTION,
        Kept.FLOW,
        Has.SEALED,
        "ingest.api dlr.inbound billing.premium",
        "dispatch.strex",
    ),
    _topic(names.PREMIUM_EVENTS, By.TRANSACTION, Kept.MONTH, Has.PSEUDONYM, "dispatch.strex", "billing.premium"),
    _topic(names.USAGE, By.DOCUMENT, Kept.FINANCE, Has.NONE, "billing.usage billing.invoicing"),
    _topic(names.INVOICES, By.DOCUMENT, Kept.FINANCE, Has.NONE, "billing.invoicing"),
    _topic(names.SETTLEMENTS, By.DOCUMENT, Kept.FINANCE, Has.NONE, "billing.premium"),
    _topic(names.PAYOUTS, By.DOCUMENT, Kept.FINANCE, Has.NONE, "billing.premium"),
    _topic(names.REFUNDS, By.DOCUMENT, Kept.FINANCE, Has.NONE, "billing.premium"),
    _topic(names.PRIVACY_ORDERS, By.DOCUMENT, Kept.MONTH, Has.PSEUDONYM, "retention.orders", _OWNERS),
    _topic(names.PRIVACY_RECEIPTS, By.DOCUMENT, Kept.MONTH, Has.NONE, _OWNERS, "retention.proof"),
)


def client_pair(account_id: AccountId) -> tuple[Topic, Topic]:
    """An account's topics for its own systems, made when it is provisioned: no other account has a part in them."""
    return (
        Topic(
            name=names.client_requests(account_id),
            keyed_by=By.CLIENT,
            kept=Kept.FLOW,
            personal=Has.CLEAR,
            producers=(names.client_user(account_id),),
            consumers=("ingest.clients",),
        ),
        Topic(
            name=names.client_events(account_id),
            keyed_by=By.ANSWERED,
            kept=Kept.FLOW,
            personal=Has.CLEAR,
            producers=("ingest.clients", "dlr.relay"),
            consumers=(names.client_user(account_id),),
        ),
    )


def retry_topics(topic: Topic, consumer: str, tiers: Sequence[str] = TIERS) -> tuple[Topic, ...]:
    """The retry topics of the one consumer of a topic that declares them: nobody else has a part in them."""
    return tuple(
        Topic(
            name=names.retry(topic.name, tier),
            keyed_by=By.SOURCE,
            kept=Kept.FLOW,
            personal=topic.personal,
            producers=(consumer,),
            consumers=(consumer,),
        )
        for tier in tiers
    )


def catalogue(operators: Sequence[str]) -> tuple[Topic, ...]:
    """Every topic of a system with these operators, dead-letter topics included.

    Whoever reads a compacted topic whole skips what it cannot read: there is no dead letter of that, nor of a table.
    """
    topics = (*_lanes(operators), *_TOPICS)
    dead = tuple(
        Topic(
            name=names.dead_letters(topic.name),
            keyed_by=By.SOURCE,
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
