"""Parts of a long message become one: values in, values out.

The parts of one sender to one number with one reference and count meet in a `Joining`, in whatever order, however
often, from whichever process. It hands on a message when its parts are complete, and otherwise what has come of it:
when they have waited long enough, or when a part number comes again with something else in it, for then its sender has
begun another message under the same reference. A part is handed on once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeAlias

import msgspec

from services.dlr.inbound.message import SAME_DELIVERY
from shared.contracts.inbound import InboundCoding, InboundId
from shared.privacy.sealing import Sealed
from shared.smpp.codings import Alphabet, read

KEPT: Final = timedelta(days=7)
"""After so long without a change nothing is left: as the topic that the parts came from."""
_MOST_REMEMBERED: Final = 1_000

Run: TypeAlias = tuple[InboundCoding, bytes]


class Piece(msgspec.Struct, frozen=True):
    """A part as it was delivered. `from_` and `content` are sealed under the gateway's key with `id` as subject."""

    id: InboundId
    part: int
    at: datetime
    coding: InboundCoding
    from_: Sealed
    content: Sealed

    def __repr__(self) -> str:
        return f"Piece({self.id}, {self.part})"


class Whole(msgspec.Struct, frozen=True):
    """What is handed on as one message: parts by their number, complete or not. The same parts have the same `id`."""

    id: InboundId
    pieces: tuple[Piece, ...]

    @property
    def at(self) -> datetime:
        """When the last of it came."""
        return max(piece.at for piece in self.pieces)


class Handed(msgspec.Struct, frozen=True):
    """A part that was handed on: delivered again within a day it is a repeat."""

    id: InboundId
    at: datetime


class Joining(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document. `ready` has been decided and not yet handed on; it and `waiting` are looked at again at `due_at`.

    `partition` is where the last part came from. `forget_at` ends the document, whatever it holds.
    """

    id: str = msgspec.field(name="_id")
    operator: str
    to: str
    parts: int
    partition: int
    version: int = 0
    waiting: tuple[Piece, ...] = ()
    ready: tuple[Whole, ...] = ()
    handed: tuple[Handed, ...] = ()
    due_at: datetime | None = None
    forget_at: datetime

    def knows(self, piece: Piece) -> bool:
        """Whether this delivery is here already, or was handed on within a day."""
        here = [*self.waiting, *(one for whole in self.ready for one in whole.pieces)]
        return any(one.id == piece.id for one in here) or any(
            one.id == piece.id and abs(piece.at - one.at) < SAME_DELIVERY for one in self.handed
        )


def take(joining: Joining, piece: Piece, partition: int, now: datetime, patience: timedelta) -> Joining:
    """The joining with one more part. A repeat changes nothing, so that a replay does not either."""
    if joining.knows(piece):
        return joining
    joining = msgspec.structs.replace(joining, partition=partition)
    first = joining.waiting[0] if joining.waiting else None
    if first is not None and (
        abs(piece.at - first.at) > patience or any(one.part == piece.part for one in joining.waiting)
    ):
        joining = _decided(joining, now, patience)
    waiting = (*joining.waiting, piece)
    due_at = joining.due_at if joining.waiting and joining.due_at else now + patience
    joining = msgspec.structs.replace(joining, waiting=waiting, due_at=due_at)
    return _decided(joining, now, patience) if len(waiting) == joining.parts else _changed(joining, now)


def give_up(joining: Joining, now: datetime, patience: timedelta) -> Joining:
    """The joining once nothing more is waited for; what is ready is left for others until `patience` is over."""
    if joining.due_at is None or joining.due_at > now:
        return joining
    return _decided(joining, now, patience)


def handed_on(joining: Joining, now: datetime) -> Joining:
    """The joining once all that was ready has become messages."""
    new = tuple(Handed(piece.id, piece.at) for whole in joining.ready for piece in whole.pieces)
    latest = max((one.at for one in new), default=now)
    fresh = tuple(one for one in joining.handed if latest - one.at < SAME_DELIVERY)
    return _changed(
        msgspec.structs.replace(
            joining,
            ready=(),
            handed=(*fresh, *new)[-_MOST_REMEMBERED:],
            due_at=joining.due_at if joining.waiting else None,
        ),
        now,
    )


def missing(whole: Whole, parts: int) -> tuple[int, ...]:
    """The parts that never came."""
    return tuple(sorted(set(range(1, parts + 1)) - {piece.part for piece in whole.pieces}))


def text_of(pieces: Sequence[tuple[int, InboundCoding, bytes]]) -> tuple[str, InboundCoding]:
    """The text of parts in order, each with its number and octets, and its coding; all octets in hex if it cannot be
    read. A character that was cut between two parts is whole again.
    """
    found: Collection[tuple[str, Alphabet]] = [
        read(octets, Alphabet(coding)) for coding, octets in _runs(pieces) if octets or len(pieces) == 1
    ]
    codings = [InboundCoding(alphabet) for _, alphabet in found] or [pieces[0][1]]
    if InboundCoding.BINARY in codings:
        return b"".join(octets for _, _, octets in pieces).hex(), InboundCoding.BINARY
    return "".join(text for text, _ in found), max(codings, key=_WIDTH.index)


_WIDTH: Final = (InboundCoding.GSM7, InboundCoding.LATIN1, InboundCoding.UCS2)


def _runs(pieces: Sequence[tuple[int, InboundCoding, bytes]]) -> list[Run]:
    """Parts that follow each other in the same coding, as one."""
    grouped = groupby(enumerate(pieces), key=lambda each: (each[1][1], each[1][0] - each[0]))
    return [(coding, b"".join(octets for _, (_, _, octets) in run)) for (coding, _), run in grouped]


def _decided(joining: Joining, now: datetime, patience: timedelta) -> Joining:
    """What waits is ready, as far as it came."""
    ready = joining.ready
    if joining.waiting:
        pieces = tuple(sorted(joining.waiting, key=lambda piece: piece.part))
        name = hashlib.blake2b("|".join(piece.id for piece in pieces).encode(), digest_size=16).hexdigest()
        ready = (*ready, Whole(InboundId(name), pieces))
    return _changed(msgspec.structs.replace(joining, waiting=(), ready=ready, due_at=now + patience), now)


def _changed(joining: Joining, now: datetime) -> Joining:
    return msgspec.structs.replace(joining, forget_at=now + KEPT)
