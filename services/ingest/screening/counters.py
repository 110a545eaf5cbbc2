"""Counters that decide: how many messages an account has sent in a month, and which requests were decided before.

One call per batch, idempotent by event id. The place of the record that was decided first stands beside the id: the
same record again (its transaction was aborted, so it comes back) is decided as it was; another record with the same id
is a repeat (a door or the desk wrote twice) and is dropped.

    ingest:screening:epoch              which life of the counters this is; gone when Valkey lost its memory
    ingest:screening:used:<month>       hash, account -> messages that passed
    ingest:screening:<digest of the id> place of the record, with ! behind it when there was no room for it; about 100
                                        octets for as long as decisions are remembered
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

from shared.contracts.envelope import EventId
from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.valkey import ValkeyStore

PREFIX: Final = "ingest:screening"
KEPT_SECONDS: Final = 70 * 86_400
"""A month's counts outlive their month by one."""

NO_COUNT: Final = -1
NO_CAP: Final = 2**53
_DIGEST: Final = 12

_COUNT: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local lasting, kept = ARGV[2], ARGV[3]
local said, touched = {}, {}
for i, entry in ipairs(cmsgpack.unpack(ARGV[4])) do
  local seen = KEYS[2] .. string.sub(ARGV[5], (i - 1) * 12 + 1, i * 12)
  local place, account, month, cap = entry[1], entry[2], entry[3], entry[4]
  local stood = redis.call('SET', seen, place, 'NX', 'GET', 'EX', lasting)
  if stood and stood ~= place and stood ~= place .. '!' then
    said[i] = 'd'
  elseif stood == place or cap < 0 then
    said[i] = stood and 'r' or 'f'
  else
    local used = KEYS[3] .. month
    if tonumber(redis.call('HGET', used, account) or 0) < cap then
      redis.call('HINCRBY', used, account, 1)
      touched[used] = true
      said[i] = stood and 'r' or 'f'
      if stood then redis.call('SET', seen, place, 'EX', lasting) end
    else
      redis.call('SET', seen, place .. '!', 'EX', lasting)
      said[i] = stood and 'O' or 'o'
    end
  end
end
for used in pairs(touched) do redis.call('EXPIRE', used, kept) end
return table.concat(said)
"""


class Standing(StrEnum):
    """What the counters say of an entry; the letters are the script's."""

    FRESH = "f"
    """Decided for the first time; counted, if it was to be."""
    REPLAYED = "r"
    """The very same record was decided before, and is decided so again."""
    REPEATED = "d"
    """Another record with this id was decided."""
    FULL = "o"
    """No room in the month."""
    FULL_AGAIN = "O"
    """The same record had no room before, nor has it now."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record to be decided. `event` is the digest of its id; `cap` is how many messages may be counted in the month,
    `NO_COUNT` counts nothing.
    """

    event: bytes
    place: str
    account_id: AccountId
    month: str
    cap: int


def digest_of(event_id: EventId) -> bytes:
    """What an event is remembered by: its id would take three times the memory."""
    return blake2b(event_id.encode(), digest_size=_DIGEST).digest()


class Counters(Protocol):
    """What `Screening` needs."""

    async def count(self, entries: Sequence[Entry]) -> Sequence[Standing]:
        """One standing per entry. Raises `TryLater` (`valkey_unavailable`): nothing is decided meanwhile."""
        ...


class Epochs(Protocol):
    """Who knows what is counted when the counters have lost their memory."""

    async def current(self) -> str:
        """The epoch that stands, put there from the snapshot if need be. Raises `TryLater`."""
        ...

    async def restore(self, gone: str) -> str:
        """Another epoch than the one that is gone. Raises `TryLater`."""
        ...


_STANDINGS: Final = {ord(standing): standing for standing in Standing}


class SharedCounters:
    """`Counters` in Valkey, shared by all processes of the role."""

    def __init__(self, store: ValkeyStore, epochs: Epochs, *, remember: int) -> None:
        """`remember` is for how many seconds a decision is known: longer than a replay or a repeat takes to come."""
        self._store = store
        self._epochs = epochs
        self._remember = remember
        self._epoch: str | None = None
        self._script = store.client.register_script(_COUNT)
        self._keys = [f"{PREFIX}:epoch", f"{PREFIX}:", f"{PREFIX}:used:"]
        self._encode = msgspec.msgpack.Encoder().encode

    async def count(self, entries: Sequence[Entry]) -> Sequence[Standing]:
        """As the protocol has it."""
        if not entries:
            return ()
        # The server's own unpacking knows no octets, so the digests go beside.
        packed = self._encode([(entry.place, entry.account_id, entry.month, entry.cap) for entry in entries])
        digests = b"".join([entry.event for entry in entries])
        epoch = self._epoch = self._epoch or await self._epochs.current()
        answer = await self._call(epoch, packed, digests)
        if answer is None:
            epoch = self._epoch = await self._epochs.restore(epoch)
            answer = await self._call(epoch, packed, digests)
        if answer is None or len(answer) != len(entries):
            raise TryLater("counters_unavailable", "the counters were lost again while they were restored")
        return [_STANDINGS[letter] for letter in answer]

    async def _call(self, epoch: str, packed: bytes, digests: bytes) -> bytes | None:
        try:
            with self._store.translated():
                answer = await self._script(
                    keys=self._keys, args=[epoch, self._remember, KEPT_SECONDS, packed, digests]
                )
        except TryLater:
            self._epoch = None  # the server that answers next may be one that started again
            raise
        return answer if isinstance(answer, bytes) else None
