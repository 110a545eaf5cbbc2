"""Each example runs against the system as its page says."""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from deploy.local.settings import ROOT
from tests.acceptance.numbers import Numbers
from tests.acceptance.pages import bash, blocks, known, links
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System

EXAMPLES = ROOT / "examples"
PAGE = EXAMPLES / "README.md"
MAVEN = shutil.which("mvn")
_BUILD_SECONDS = 280  # the first time Maven fetches what it is made of


@pytest.fixture
async def on_kafka(system: System) -> str:
    """The environment of an example on Kafka, made as the page says."""
    provision = blocks(PAGE)[1].replace("var/keys/kafka-demo.env", f"'{system.var}/keys/kafka-demo.env'")
    code, output = await bash(f"{known(system)}\n{provision}")
    assert code == 0, output
    return f"{known(system)}\nset -a; source '{system.var}/keys/kafka-demo.env'; set +a"


async def test_curl_sends_and_sees_the_message_delivered(system: System, fjord: Smsc, numbers: Numbers) -> None:
    code, output = await bash(f"{known(system)}\nexamples/curl/send.sh {numbers.norwegian()} 'Hei \"fra\" curl'")
    assert code == 0, output
    assert output.split()[-1] == "delivered"


async def test_python_sends_and_waits(system: System, fjord: Smsc, numbers: Numbers) -> None:
    code, output = await bash(f"{known(system)}\n.venv/bin/python examples/python/send.py {numbers.norwegian()} 'Hei'")
    assert code == 0, output
    assert output.split()[-1] == "delivered"


async def test_python_publishes_and_reads_events(on_kafka: str, fjord: Smsc, numbers: Numbers) -> None:
    code, output = await bash(f"{on_kafka}\n.venv/bin/python examples/python/stream.py {numbers.norwegian()} 'Hei'")
    assert code == 0, output
    assert "delivered" in output


async def test_python_is_told_of_a_refusal(on_kafka: str, fjord: Smsc) -> None:
    code, output = await bash(f"{on_kafka}\n.venv/bin/python examples/python/stream.py 12 'Hei'")
    assert (code, output.split()) == (2, ["refused:", "no_valid_recipient"])


@pytest.mark.skipif(MAVEN is None, reason="no Maven here")
async def test_java_publishes_and_reads_events(on_kafka: str, fjord: Smsc, numbers: Numbers, tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "java", tmp_path / "java", ignore=shutil.ignore_patterns("target"))
    _, build, run = blocks(PAGE)[2].splitlines()
    maven = await asyncio.create_subprocess_shell(build, cwd=folder, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(_BUILD_SECONDS):
        said, _ = await maven.communicate()
    assert maven.returncode == 0, said.decode()
    code, output = await bash(f"{on_kafka}\ncd '{folder}'\n{run.replace('+4790000001', numbers.norwegian())}")
    assert code == 0, output
    assert "delivered" in output


def test_every_link_of_the_page_leads_to_an_example() -> None:
    assert [target for target in links(PAGE) if not target.exists()] == []
