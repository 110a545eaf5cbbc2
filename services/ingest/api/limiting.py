"""What a limit says in words of HTTP: `RateLimit-*` on every answer to sending, `Retry-After` on 429."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from services.ingest.api.problems import Code, Rejected
from services.ingest.limits.limiter import Standing

Header: TypeAlias = tuple[bytes, bytes]


def limit_headers(standing: Standing) -> Sequence[Header]:
    """The scarcer of the two buckets: its size, what it holds, and the seconds until it is full."""
    return (
        (b"ratelimit-limit", b"%d" % standing.limit),
        (b"ratelimit-remaining", b"%d" % standing.remaining),
        (b"ratelimit-reset", b"%d" % standing.reset),
    )


def require_within_limits(standing: Standing) -> None:
    """Raise `Rejected` (`rate_limited`) unless the request was let in. `detail` says what there was too much of."""
    if standing.retry_after is None:
        return
    headers = {name.decode(): value.decode() for name, value in limit_headers(standing)}
    headers["retry-after"] = str(standing.retry_after)
    raise Rejected(Code.RATE_LIMITED, f"too many {standing.resource} a second", headers=headers)
