"""The buckets that all doors share: `bucket.take` inside Valkey, in one round trip, by Valkey's clock."""

from __future__ import annotations

from typing import Final

from services.ingest.limits.bucket import Amount, Level, Rates, Taken
from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.valkey import ValkeyStore

# A bucket that nobody takes from is forgotten once it is full: what is not there counts as full.
_TAKE: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'messages', 'parts', 'at')
local seconds = math.max(0, now - (tonumber(kept[3]) or now))
local left, granted, wait, full = {}, {}, 0, 0
for i = 1, 2 do
  local rate, burst, need = tonumber(ARGV[i]), tonumber(ARGV[2 + i]), tonumber(ARGV[4 + i])
  left[i] = math.min(burst, (tonumber(kept[i]) or burst) + seconds * rate)
  if need > 0 then wait = math.max(wait, (math.min(need, burst) - left[i]) / rate) end
end
if wait <= 0 then
  for i = 1, 2 do
    local rate, burst = tonumber(ARGV[i]), tonumber(ARGV[2 + i])
    granted[i] = math.max(tonumber(ARGV[4 + i]), math.min(tonumber(ARGV[6 + i]), left[i]), 0)
    left[i] = left[i] - granted[i]
    full = math.max(full, (burst - left[i]) / rate)
  end
  redis.call('HSET', KEYS[1], 'messages', string.format('%.17g', left[1]), 'parts', string.format('%.17g', left[2]),
    'at', string.format('%.6f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(full * 1000) + 1000)
end
local answer = {wait, left[1], left[2], granted[1] or 0, granted[2] or 0}
for i = 1, 5 do answer[i] = string.format('%.17g', answer[i]) end
return answer
"""


class SharedBuckets:
    """One hash per account, `ingest:limits:{account}`."""

    def __init__(self, store: ValkeyStore) -> None:
        self._store = store
        self._take = store.client.register_script(_TAKE)

    async def take(self, account_id: AccountId, rates: Rates, need: Amount, want: Amount, now: float) -> Taken:
        """As `bucket.take`; the level that it returns is dated `now`, the caller's time. Raises `TryLater`."""
        arguments = [*rates.per_second, *rates.burst, *need, *want]
        with self._store.translated():
            answer = await self._take(keys=[f"ingest:limits:{{{account_id}}}"], args=arguments)
        try:
            wait, *numbers = (float(number) for number in answer)
            left, granted = Amount(*numbers[:2]), Amount(*numbers[2:])
        except (TypeError, ValueError):
            raise TryLater("valkey_unavailable", "the answer is none of ours") from None
        return Taken(Level(left, now), granted if wait <= 0 else None, wait)
