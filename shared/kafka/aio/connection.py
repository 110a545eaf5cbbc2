"""One mend of the library (aiokafka 0.14 on uvloop): a write to a connection that has just gone.

asyncio's own transport says nothing then, uvloop's raises RuntimeError. The library expects OSError: its coordination
of a group ended for good, and a minute later the process did (seen twice when a broker was killed under 23 processes).
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_CLOSED: Final = "the handler is closed"
"""How uvloop ends what it says."""

_send: Final = AIOKafkaConnection.send


def mend() -> None:
    """Let such a write break the connection, as any other that fails does. A repeat is nothing."""
    AIOKafkaConnection.send = _mended


def _mended(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _send(self, request, expect_response)
    except RuntimeError as error:
        if not str(error).endswith(_CLOSED):
            raise
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error
