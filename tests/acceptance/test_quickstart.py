"""Every command of the quickstart, one after the other as a reader types them."""

from __future__ import annotations

import re

from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from tests.acceptance.pages import bash, blocks, known
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System

BLOCKS = blocks(ROOT / "docs/quickstart.md")
ENV = "set -a; source var/local.env; set +a"
CREDENTIALS = "var/keys/kafka-demo.env"
PORTS = ("28080", "28081")


def test_it_begins_with_make_run() -> None:
    assert BLOCKS[0] == "make run\n"


async def test_the_commands_do_what_the_quickstart_says(system: System, fjord: Smsc) -> None:
    await fjord.forget()
    instead = {ENV: known(system), CREDENTIALS: f"'{system.var}/{CREDENTIALS.removeprefix('var/')}'"}
    instead |= {port: str(free_port()) for port in PORTS}
    code, output = await bash("\n".join(BLOCKS[1:]), instead)
    assert code == 0, output
    # The codes that the page means to show, and no others.
    assert set(re.findall(r'"code": ?"(\w+)"', output)) == {"invalid_request", "unknown_field"}, output
    assert "exit code 4" in output
    assert b"Timen din er i morgen kl. 09.00.".hex() in output
    assert '"coding":"ucs2"' in output
    first, again = re.findall(r'"id":"([^"]+)","to":"\+4790000005"', output)
    assert first == again
    assert output.lower().count("idempotency-replayed: true") == 1
    assert "whsec_" in output
    assert '\\"reference\\":\\"quickstart\\"' in output
    assert '"receipt_delay_ms":2000' in output
    assert output.count("delivered") > len(BLOCKS) // 2, output
