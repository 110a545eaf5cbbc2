"""Long messages between their parts: what waits is on record before a part counts as taken."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from services.dlr.inbound.joining import Joining, Piece, Whole, give_up, handed_on, missing, take, text_of
from services.dlr.inbound.opened import Opened
from services.dlr.inbound.parts_store import PartsStore
from shared.clock import Clock
from shared.contracts.inbound import MessageReceived, PartOf
from shared.errors import BadRecord
from shared.ids import GATEWAY
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Erased, Sealer


class Part(msgspec.Struct, frozen=True):
    """A part and who it is from: `opened` holds its octets in hex."""

    event: MessageReceived
    part_of: PartOf
    opened: Opened


class LongMessages:
    """Takes parts, and gives back what has become ready; `told` when that is a message on record.

    A process that dies anywhere between leaves what is ready where a replay, or a later look, finds it.
    """

    def __init__(
        self, store: PartsStore, sealer: Sealer, pseudonyms: Pseudonyms, clock: Clock, patience: timedelta
    ) -> None:
        self.patience = patience
        self._store = store
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._clock = clock

    async def take(self, parts: Sequence[Part]) -> list[Joining]:
        """Put parts on record. The joinings with something ready. Raises `TryLater`; a repeat of all is harmless.

        Raises `BadRecord` for a part that is none.
        """
        if not parts:
            return []
        now = self._now()
        pieces = [_piece(part) for part in parts]
        names = [self._names(part) for part in parts]
        known = await self._store.load({name for each in names for name in each})
        before = dict(known)
        touched: set[str] = set()
        for part, piece, candidates in zip(parts, pieces, names, strict=True):
            name = self._meeting(piece, candidates, known)
            joining = known.get(name) or _empty(name, part, now)
            known[name] = take(joining, piece, part.opened.partition, now, self.patience)
            touched.add(name)
        changed = [known[name] for name in touched if known[name] is not before.get(name)]
        known |= {joining.id: joining for joining in await self._store.save(changed)}
        return [known[name] for name in touched if known[name].ready]

    async def overdue(self, most: int) -> list[Joining]:
        """Joinings that nobody waits for any more."""
        return await self._store.due(self._now(), most)

    async def give_up(self, joining: Joining) -> Joining:
        """What has come of it is ready from now on. Raises `TryLater` when somebody else looks after it."""
        (given,) = await self._store.save([give_up(joining, self._now(), self.patience)])
        return given

    async def told(self, joinings: Sequence[Joining]) -> None:
        """What was ready has been handed on."""
        await self._store.save([handed_on(joining, self._now()) for joining in joinings])

    def opened(self, joinings: Sequence[Joining]) -> list[Opened | None]:
        """What is ready, readable; None for what was erased."""
        return [self._opened(joining, whole) for joining in joinings for whole in joining.ready]

    def _opened(self, joining: Joining, whole: Whole) -> Opened | None:
        first = whole.pieces[0]
        number = self._sealer.open(GATEWAY, first.id, "from", first.from_)
        octets = []
        for piece in whole.pieces:
            content = self._sealer.open(GATEWAY, piece.id, "content", piece.content)
            if isinstance(content, Erased):
                return None
            octets.append((piece.part, piece.coding, bytes.fromhex(content)))
        if isinstance(number, Erased):
            return None
        text, coding = text_of(octets)
        return Opened(
            delivered_as=whole.id,
            operator=joining.operator,
            to=joining.to,
            at=whole.at,
            number=number,
            content=text,
            coding=coding,
            partition=joining.partition,
            parts=joining.parts,
            missing=missing(whole, joining.parts),
        )

    def _names(self, part: Part) -> tuple[str, ...]:
        """Where its other parts may be. Pseudonyms change with the year, and messages of the last minutes before that
        are many: what began in the old year is finished there.
        """
        at = part.opened.at
        years = dict.fromkeys(((at - self.patience).year, at.year))
        return tuple(_name(part, self._pseudonyms.in_year(GATEWAY, part.opened.number, year)) for year in years)

    @staticmethod
    def _meeting(piece: Piece, names: Sequence[str], known: dict[str, Joining]) -> str:
        for name in names:
            joining = known.get(name)
            if joining is not None and (joining.waiting or joining.knows(piece)):
                return name
        return names[-1]

    def _now(self) -> datetime:
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _name(part: Part, pseudonym: str) -> str:
    event, of = part.event, part.part_of
    name = f"{event.operator}|{event.to}|{pseudonym}|{of.reference}|{of.parts}"
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _empty(name: str, part: Part, now: datetime) -> Joining:
    return Joining(
        id=name,
        operator=part.event.operator,
        to=part.event.to,
        parts=part.part_of.parts,
        partition=part.opened.partition,
        forget_at=now,
    )


def _piece(part: Part) -> Piece:
    of = part.part_of
    try:
        bytes.fromhex(part.opened.content)
    except ValueError:
        raise BadRecord("bad_payload", "the content of a part is not in hex") from None
    if not 1 <= of.part <= of.parts <= 255:
        raise BadRecord("bad_payload", "the part is none of so many")
    event = part.event
    return Piece(
        id=event.inbound_id,
        part=of.part,
        at=part.opened.at,
        coding=event.coding,
        from_=event.from_,
        content=event.content,
    )
