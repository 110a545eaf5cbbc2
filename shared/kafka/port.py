"""What the kit needs from a Kafka client, and nothing more: `aio` implements it on aiokafka, `memory` in memory.

Errors that cross this border are ours:

    TryLater          the cluster does not answer, or asks for patience
    ├── UnknownTopic  it knows no such topic, or no leader of it: that may pass, or never
    └── ProducerLost  this producer is of no further use; build a new one with the same id
        └── Fenced    somebody else has built one
    Refused           the record can never be written
    Fatal             going on makes no sense: no authorisation, an offset that is gone, a library in a broken state
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from shared.errors import Fatal, TryLater
from shared.kafka.record import Output, Record, TopicPartition

Assignor = Literal["range", "roundrobin"]
"""`range` gives partitions of the same number, over all topics of the group, to the same member."""


MAX_RECORD_BYTES = 1_000_000
"""Most that one record may take, headers included: what a broker accepts by default, less the dead-letter headers."""


class UnknownTopic(TryLater):
    """The topic does not exist, or nobody leads it at the moment."""

    def __init__(self, topic: str) -> None:
        super().__init__("kafka_unknown_topic", f"topic {topic} does not exist or has no leader")


class ProducerLost(TryLater):
    """The producer failed, or the outcome of its transaction is not known."""


class Fenced(ProducerLost):
    """Another producer was started with the same transactional id."""


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """What one poll brought of one partition. `position` is the offset after the records *and* after any commit
    markers and aborted records behind them, so that committing it leaves no lag. `records` may be empty.
    """

    records: Sequence[Record]
    position: int


class OutOfRange(Fatal):
    """Offsets that are gone, or that never were: of these partitions nothing more is read before they are sought."""

    def __init__(self, partitions: frozenset[TopicPartition], detail: str) -> None:
        remedy = "retention has deleted what was not read yet, or the topic was made anew: set the group's offsets"
        super().__init__("offset_out_of_range", f"{detail}: {remedy} by hand, and find out what was lost")
        self.partitions = partitions


class Unreadable(TryLater):
    """What comes next of a partition is no records; it will not be read by itself. Whoever can do without what is
    before the offset `behind` may seek that.
    """

    def __init__(self, partition: TopicPartition, offset: int, behind: int, detail: str) -> None:
        super().__init__("kafka_unreadable", f"poll: {partition} from {offset} to {behind}: {detail}")
        self.partition = partition
        self.offset = offset
        self.behind = behind


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A group's committed offset: where a successor begins. The note is for that successor."""

    offset: int
    note: str = ""


class Listener(Protocol):
    """Told of rebalances, one call at a time. An error in a call is the listener's to keep: the client drops it."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These are owned now, all paused and without position. Heartbeats pause meanwhile: return at once."""
        ...

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These are about to go, or are gone already. Heartbeats continue; there is `rebalance_timeout` to finish."""
        ...


class Consumer(Protocol):
    """Reads committed records only, as a member of a group (`subscribe`) or for itself (`assign`), never both.

    Nothing is delivered before `seek`, nor, in a group, before `resume`.
    """

    async def start(self) -> None:
        """Connect. Raises TryLater or Fatal."""
        ...

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Join the group, in the background."""
        ...

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these and no others, whoever else does. Of those that were assigned before, position and pause stay.

        A consumer with a group keeps its offsets under that name, and is no member of it: what is new is paused.
        """
        ...

    async def poll(self, timeout: float, max_records: int) -> Mapping[TopicPartition, Fetched]:
        """What is there, waiting at most `timeout` seconds for it; partitions without news are absent.

        Cancellation loses nothing. Raises OutOfRange, and Unreadable.
        """
        ...

    def behind(self, partition: TopicPartition) -> int:
        """How far what was delivered is from the last stable offset, as far as that was seen: nobody is asked."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Deliver from here on; what was fetched before is forgotten."""
        ...

    def pause(self, partition: TopicPartition) -> None:
        """Deliver nothing of it. Lasts until the next assignment."""
        ...

    def resume(self, partition: TopicPartition) -> None:
        """Deliver again."""
        ...

    async def committed(self, partition: TopicPartition) -> Mark | None:
        """The group's offset as the coordinator has it now."""
        ...

    async def beginning(self, partition: TopicPartition) -> int:
        """The first offset that still exists."""
        ...

    async def offset_at(self, partition: TopicPartition, timestamp: int) -> int:
        """The first offset at or after a time in epoch milliseconds; the end if there is none so young."""
        ...

    async def end(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The last stable offsets: what a reader of committed records can reach now."""
        ...

    async def commit(self, marks: Mapping[TopicPartition, Mark]) -> None:
        """Commit outside a transaction. Raises TryLater when the group has moved on or the coordinator is away."""
        ...

    async def close(self, timeout: float) -> None:
        """Leave the group and disconnect, whatever state it is in. Never raises."""
        ...


class Packed(Protocol):
    """Records of several partitions, encoded for the wire. Belongs to the producer that packed it; sent once."""

    @property
    def records(self) -> int:
        """How many."""
        ...


class Producer(Protocol):
    """Idempotent, acknowledged by all replicas."""

    async def start(self) -> None:
        """Connect; a transactional one fences all others of its id and ends their open transaction.

        Raises TryLater or Fatal.
        """
        ...

    def pack(self, outputs: Sequence[Output], limit: int = MAX_RECORD_BYTES) -> Packed:
        """Encode, keeping the order per partition. Raises Refused for a record of more than `limit` bytes."""
        ...

    async def send(self, packed: Packed) -> None:
        """Write and wait until all is acknowledged.

        Raises UnknownTopic, Fatal for an unknown partition or without authorisation (nothing is
        written), ProducerLost when some of it may be written.
        """
        ...

    async def close(self, timeout: float) -> None:
        """Drop what was not sent and disconnect, whatever state it is in. Never raises."""
        ...


class TransactionalProducer(Producer, Protocol):
    """One transactional id. Used by one task at a time; after any error from it only `abort` and `close` are legal.

    Every method may raise ProducerLost or Fenced.
    """

    async def begin(self) -> None:
        """Begin."""
        ...

    async def write(self, packed: Sequence[Packed], marks: Mapping[TopicPartition, Mark], group: str) -> None:
        """Write these records and the group's offsets; returns when the cluster has all of it, still uncommitted."""
        ...

    async def commit(self) -> None:
        """All or nothing. On cancellation or error the outcome is unknown until the next producer has started."""
        ...

    async def abort(self) -> None:
        """Undo."""
        ...


class TopicState(msgspec.Struct, frozen=True):
    """A topic as the cluster has it. `config` holds what differs from the cluster's defaults."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic as it should be. Without `replication` it is created with one replica, and any number is right."""

    name: str
    partitions: int
    config: Mapping[str, str] = {}
    replication: int | None = None


class Admin(Protocol):
    """Topics. Applications only look; tooling creates."""

    async def start(self) -> None:
        """Connect. Raises TryLater."""
        ...

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Partition counts of those that exist. Raises Fatal without authorisation."""
        ...

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicState]:
        """Those that exist, with their configuration."""
        ...

    async def create(self, specs: Sequence[TopicSpec]) -> frozenset[str]:
        """Create what does not exist and say what did not. Raises Refused naming the topic the cluster refused."""
        ...

    async def close(self, timeout: float) -> None:
        """Disconnect. Never raises."""
        ...


class Cluster(Protocol):
    """Makes clients of one cluster; none is connected before its `start`."""

    def consumer(self, group: str, *, assignor: Assignor, instance_id: str | None = None) -> Consumer:
        """A member of the group; with an instance id a static one, which keeps its partitions over a restart."""
        ...

    def reader(self) -> Consumer:
        """A consumer without a group, for `assign`."""
        ...

    def producer(self) -> Producer:
        """A plain idempotent producer."""
        ...

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer:
        """A producer for one transactional id."""
        ...

    def admin(self) -> Admin:
        """A client for topics."""
        ...
