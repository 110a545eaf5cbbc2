"""One fuzz case as plain data: what kind of session, and what happens to it in turn. Printed as JSON, read again."""

from __future__ import annotations

from enum import StrEnum
from random import Random

import msgspec

from shared.smpp import codec
from shared.smpp.constants import ESME_ROK
from shared.smpp.pdu import BindRequest
from shared.smpp.settings import BindMode
from tests.fuzz.octets import answers, pdu, stream


class Side(StrEnum):
    """Which end is under test."""

    CLIENT = "client"
    SERVER = "server"


class Feed(msgspec.Struct, frozen=True, tag="feed"):
    """The peer sends these octets (in hex)."""

    octets: str


class Flood(msgspec.Struct, frozen=True, tag="flood"):
    """The peer sends the same octets many times over."""

    octets: str
    times: int


class Send(msgspec.Struct, frozen=True, tag="send"):
    """The application sends so many messages, as far as there is room."""

    count: int


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """The application sends one request of another kind."""

    kind: int


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """The application answers one request of the peer, the oldest for 0."""

    which: int
    status: int
    message_id: str


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Time passes."""

    seconds: float


class Stall(msgspec.Struct, frozen=True, tag="stall"):
    """The peer stops reading."""


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """The peer reads again."""


class Lose(msgspec.Struct, frozen=True, tag="lose"):
    """The connection breaks."""


class Unbind(msgspec.Struct, frozen=True, tag="unbind"):
    """The application unbinds."""

    deadline: float


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """The application drops the connection."""


Step = Feed | Flood | Send | Ask | Answer | Wait | Stall | Drain | Lose | Unbind | Abort


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A session and its steps."""

    side: Side
    mode: BindMode
    window: int
    max_unanswered: int
    answering: bool
    """Whether the application answers requests at once."""
    steps: tuple[Step, ...]


def made(random: Random) -> Case:
    """A case by chance; the same generator state makes the same case."""
    side = random.choice(tuple(Side))
    mode = random.choice((BindMode.TRANSCEIVER, BindMode.TRANSCEIVER, BindMode.TRANSCEIVER, *BindMode))
    steps: list[Step] = []
    if random.randrange(10):
        steps.append(Feed(_bind(side, mode).hex()))
    for _ in range(random.randint(1, 25)):
        steps += _steps(random)
    return Case(
        side=side,
        mode=mode,
        window=random.choice((1, 2, 5, 10)),
        max_unanswered=random.choice((1, 3, 20)),
        answering=random.random() < 0.3,
        steps=tuple(steps),
    )


def _bind(side: Side, mode: BindMode) -> bytes:
    if side is Side.CLIENT:
        return codec.encode_response(mode, ESME_ROK, 1, b"smsc")
    return codec.encode_bind(mode, 1, BindRequest(b"esme", b"secret"))


def _steps(random: Random) -> list[Step]:
    match random.choices(range(12), (20, 10, 3, 12, 4, 2, 2, 0.4, 0.5, 0.2, 1, 0.5))[0]:
        case 0:
            return [Feed(chunk.hex()) for chunk in _chunks(random, stream(random))]
        case 1:
            return [Send(random.randint(1, 12))]
        case 2:
            return [Ask(random.randrange(5))]
        case 3:
            status = random.choice((0, 0, 0x58, 0x4A1))
            return [Answer(random.randrange(8), status, random.choice(("", "37", "e535")))] * random.randint(1, 5)
        case 4:
            return [Wait(random.choice((0.1, 2.0, 12.0, 31.0, 130.0)))]
        case 5:
            return [Stall()]
        case 6:
            return [Drain()]
        case 7:
            return [Lose()]
        case 8:
            return [Unbind(random.choice((0.5, 5.0)))]
        case 9:
            return [Abort()]
        case 10:
            return [Send(2), Wait(12.0), *(Feed(answers(random).hex()) for _ in range(3))]
        case _:
            return [Flood(pdu(random).hex(), random.randint(50, 3_000))]


def _chunks(random: Random, octets: bytes) -> list[bytes]:
    """The octets as the network may cut them: whole, or in odd pieces."""
    if random.randrange(3):
        return [octets]
    size = random.choice((1, 3, 15, 17) if len(octets) < 300 else (40, 333))
    return [octets[at : at + size] for at in range(0, len(octets), size)]
