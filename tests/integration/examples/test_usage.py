"""An example that is not given what it needs says what that is."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from deploy.local.settings import ROOT

EXAMPLES = [
    ("python/send.py", ["+4790000001", "Hei"], "BUDSTIKKE_KEY"),
    ("python/stream.py", ["+4790000001", "Hei"], "BUDSTIKKE_KAFKA_PASSWORD"),
    ("webhook/receiver.py", ["0"], "BUDSTIKKE_WEBHOOK_SECRET"),
]


async def complaint(example: str, arguments: list[str], environment: dict[str, str]) -> str:
    """What it says as it ends with 2."""
    script = str(ROOT / "examples" / example)
    process = await asyncio.create_subprocess_exec(sys.executable, script, *arguments, env=environment, stderr=PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 20.0)
    assert process.returncode == 2, said.decode()
    return said.decode()


@pytest.mark.parametrize(("example", "arguments", "variable"), EXAMPLES)
async def test_it_says_which_arguments_and_variables_it_needs(
    example: str, arguments: list[str], variable: str
) -> None:
    everything = dict.fromkeys(["BUDSTIKKE_API", "BUDSTIKKE_KAFKA_CLIENTS", "BUDSTIKKE_KAFKA_USER", variable], "given")
    no_variable = await complaint(example, arguments, {name: "given" for name in everything if name != variable})
    no_arguments = await complaint(example, [], everything)
    assert no_variable == no_arguments
    assert example.rpartition("/")[2] in no_arguments
    assert variable in no_arguments
