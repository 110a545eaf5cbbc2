"""Names of things, and the one rule that maps a message to a partition number.

A message id is a UUID in its canonical text form. Its last 16 bits decide the partition of every topic that is
keyed by message id, so everything about one message lies in the partition of the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import NewType, Protocol

import uuid_utils

AccountId = NewType("AccountId", str)
MessageId = NewType("MessageId", str)

_SLOT = 20
"""Milliseconds."""

GATEWAY = AccountId("gateway")
"""The gateway itself, as the owner of keys for what has no account yet (incoming messages, orphan receipts)."""


def partition_of(message_id: str, partitions: int) -> int:
    """Partition of a message among `partitions`: the last 16 bits of its id, modulo."""
    return int(message_id[-4:], 16) % partitions


class MessageIds(Protocol):
    """A source of message ids."""

    def mint(self, partition: int, partitions: int) -> MessageId:
        """Return a new id that `partition_of` maps to `partition`."""
        ...


class TimeOrderedIds:
    """UUIDv7 whose last 16 bits are moved, by less than `partitions`, to fall into the wanted partition."""

    def __init__(self, uuid7: Callable[[], object] = uuid_utils.uuid7) -> None:
        """`uuid7` gives UUIDs of version 7, whose text is canonical."""
        self._uuid7 = uuid7

    def mint(self, partition: int, partitions: int) -> MessageId:
        """Return a new id: what is random in a UUIDv7 beside its last bits keeps ids of one flush apart."""
        made = str(self._uuid7())
        drawn = int(made[-4:], 16)
        tail = drawn - drawn % partitions + partition
        return MessageId(f"{made[:-4]}{tail if tail < 0x10000 else tail - partitions:04x}")


class DerivedIds:
    """Ids of the recipients of one request that may be repeated: the same arguments give the same ids, for ever.

    UUIDv8 (RFC 9562 §5.8). The last 16 bits count slots of 20 ms, so that all messages of a request fall into one
    partition, and with them those of other requests of the moment: they can be one batch in each stage. 106 bits tell
    account, key, time (to the millisecond) and recipient from any other.
    """

    def __init__(self, account_id: AccountId, key: str, claimed_at: datetime) -> None:
        milliseconds = round(claimed_at.timestamp() * 1000)
        self._request = blake2b(f"{account_id}|{milliseconds}|{key}".encode(), digest_size=32).digest()
        self._tail = f"{milliseconds // _SLOT & 0xFFFF:04x}"

    def of(self, index: int) -> MessageId:
        """The id of the recipient at this place of the request, counted from 0."""
        own = blake2b(index.to_bytes(4, "big"), key=self._request, digest_size=14).hexdigest()
        variant = "89ab"[int(own[15], 16) & 3]
        return MessageId(f"{own[:8]}-{own[8:12]}-8{own[12:15]}-{variant}{own[16:19]}-{own[19:27]}{self._tail}")
