"""What is told along with what comes next: in any portions, over crashes and replays, each state is told, as it was."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis.strategies import integers
from msgspec.structs import replace

from services.dlr.status.heard import Heard
from services.dlr.status.message import Message
from services.dlr.status.status import _folded
from services.dlr.status.tell import EventWriter
from shared.contracts.codec import read
from shared.contracts.events import MessageCorrected, MessageStatusChanged
from shared.contracts.passing import each_state
from shared.contracts.words import FactKind, ReceiptState
from shared.kafka.record import Output, Record
from tests.unit.dlr.building import ACCOUNT, MESSAGE, asked, fact, receipt

_outputs = EventWriter(4).outputs


def heard(random: Random) -> list[list[Heard]]:
    """What may be said of a message, by topic: its request, facts, receipts."""
    parts = random.choice([1, 2])
    facts = [fact(kind, part=0, parts=parts) for kind in (FactKind.HELD, FactKind.RELEASED) if random.random() < 0.3]
    facts += [fact(FactKind.QUEUED, part=0, parts=parts)]
    receipts = []
    for part in range(1, parts + 1):
        attempt = 1
        if random.random() < 0.3:
            facts.append(fact(FactKind.UNKNOWN, part=part, parts=parts))
            attempt = random.choice([1, 2])
            facts += [fact(FactKind.QUEUED, part=part, parts=parts, attempt=2)][: attempt - 1]
        last = random.choice([FactKind.SUBMITTED, FactKind.SUBMITTED, FactKind.REFUSED, FactKind.EXPIRED])
        facts.append(fact(last, part=part, parts=parts, attempt=attempt))
        ends = random.sample([ReceiptState.ENROUTE, ReceiptState.DELIVERED, ReceiptState.UNDELIVERABLE], 2)
        receipts += [receipt(state, part=part) for state in ends]
    said = ([asked()], facts, receipts)
    return [[Heard(MESSAGE, ACCOUNT, order, what) for what in of_topic] for order, of_topic in enumerate(said)]


def events(outputs: list[Output]) -> list[MessageStatusChanged | MessageCorrected]:
    """Each state, and each correction, by itself and without its charge."""
    found: list[MessageStatusChanged | MessageCorrected] = []
    for output in outputs:
        event = read(Record(output.topic, 0, 0, 0, output.key, output.value, output.headers))
        if isinstance(event, MessageStatusChanged):
            found += each_state(event)
        elif isinstance(event, MessageCorrected):
            found.append(event)
    return [replace(event, charge=None) for event in found]


@given(integers(0, 2**32))
def test_each_state_of_a_message_is_told_at_the_latest_with_the_next_that_is(seed: int) -> None:
    random = Random(seed)
    topics = heard(random)
    done = [0, 0, 0]
    message: Message | None = None
    told: dict[int, MessageStatusChanged | MessageCorrected] = {}
    while any(at < len(topic) for at, topic in zip(done, topics, strict=True)):
        until = [min(at + random.randint(0, 2), len(topic)) for at, topic in zip(done, topics, strict=True)]
        again = [max(at - random.choice([0, 0, 0, 2]), 0) for at in done]
        batch = [one for topic, at, end in zip(topics, again, until, strict=True) for one in topic[at:end]]
        if not batch:
            continue
        result = _folded(message, MESSAGE, batch, eager=random.choice([(), (ACCOUNT,)]))
        if random.random() < 0.1:  # dies before the document is written
            continue
        message = result.message
        if random.random() < 0.2:  # dies before the event is told
            continue
        for event in events(list(_outputs(message, result.told))) if result.told else ():
            assert told.setdefault(event.sequence, event) == event
        done = until

    assert message is not None
    loud = [step.sequence for step in message.history if not step.quiet]
    assert told.keys() >= {step.sequence for step in message.history if step.sequence <= max(loud, default=0)}
