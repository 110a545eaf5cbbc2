"""What the README shows, works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shared.smpp.errors import ConnectFailed
from tests.support import wait_until

README = Path(__file__).resolve().parents[3] / "shared" / "smpp" / "README.md"
BLOCKS = re.findall(r"```python\n(.+?)```", README.read_text(), re.DOTALL)


async def test_the_examples_run_one_with_the_other() -> None:
    shown: dict[str, Any] = {}
    exec("\n".join(BLOCKS), shown)

    server = await shown["start"]()
    assert await shown["send"](server.port) == "taken as 4711"
    changes = await shown["keep"](server.port)
    await wait_until(lambda: not server.sessions)

    assert max(change.up for change in changes) >= 1
    assert len(shown["OUTBOX"].close()) <= 2
    await server.close(1)
    with pytest.raises(ConnectFailed):
        await shown["send"](server.port)
