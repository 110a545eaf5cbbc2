"""What is said of a topic: its key, how long it is kept, what it holds of people, who writes and who reads it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from shared.contracts.topics.keeping import Kept, Profile, settings_of
from shared.kafka.topics import TopicSpec


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


class Personal(StrEnum):
    """What a topic holds of people."""

    SEALED = "sealed"
    SEALED_NUMBER = "sealed number"
    PSEUDONYM = "pseudonym"
    CLEAR = "number and text in clear, the account's own"
    NONE = "none"


class Topic(msgspec.Struct, frozen=True):
    """One topic of the catalogue."""

    name: str
    keyed_by: KeyedBy
    kept: Kept
    personal: Personal
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    def spec(self, profile: Profile) -> TopicSpec:
        """What the broker is told to create. What client systems compress it stores as it was before: of their methods
        our client can read one.
        """
        stored = {"compression.type": "uncompressed"} if self.keyed_by is KeyedBy.CLIENT else {}
        return TopicSpec(
            name=self.name,
            partitions=self._partitions(profile),
            replication=profile.replication,
            config={**settings_of(self.kept, profile), **stored},
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
