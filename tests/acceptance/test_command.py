"""The `budstikke` command at the running system: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import msgspec
import pytest

from cli.exits import Exit
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System, read_env
from tests.support import wait_until


class Command:
    """`bin/budstikke` with the address and key of the system in its environment."""

    def __init__(self, system: System) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "BUDSTIKKE_API": system.api,
            "BUDSTIKKE_KEY": system.key,
        }

    async def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> tuple[int | None, str, str]:
        """Exit code, standard output, standard error."""
        process = await asyncio.create_subprocess_exec(
            ROOT / "bin/budstikke",
            *arguments,
            env=self._environment | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
            output, errors = await process.communicate(stdin.encode())
        return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def budstikke(system: System) -> Command:
    return Command(system)


async def test_send_and_wait_follows_a_message_to_its_delivery(
    budstikke: Command, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    code, output, errors = await budstikke("send", "--to", to, "--text", "Hei", "--wait")
    assert (code, errors) == (Exit.OK, "")
    assert to in output
    assert "delivered" in output.splitlines()[-1]
    assert len(await fjord.taken_for(to)) == 1


async def test_json_is_the_answer_of_the_gateway(
    budstikke: Command, api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    code, output, _ = await budstikke("send", "--to", to, "--text", "-", "--json", stdin="Fra rør\n")
    assert code == Exit.OK
    (message,) = msgspec.json.decode(output)["messages"]
    assert (await api.delivered(message["id"]))["text"] == "Fra rør"
    code, output, _ = await budstikke("status", message["id"], "--json")
    assert (code, msgspec.json.decode(output)) == (Exit.OK, await api.get(message["id"]))


async def test_a_dry_run_sends_nothing(budstikke: Command, fjord: Smsc, numbers: Numbers) -> None:
    to = numbers.norwegian()
    code, output, _ = await budstikke("send", "--to", to, "--text", "Hei", "--dry-run")
    assert code == Exit.OK
    assert "accepted" in output
    code, *_ = await budstikke("send", "--to", numbers.norwegian(), "--text", "Etterpå", "--wait")
    assert code == Exit.OK
    assert await fjord.taken_for(to) == []


async def test_what_the_gateway_refuses_is_1(budstikke: Command, numbers: Numbers) -> None:
    code, output, errors = await budstikke("send", "--to", "12", "--text", "Hei")
    assert (code, output) == (Exit.REFUSED, "")
    assert "no_valid_recipient" in errors
    code, _, errors = await budstikke("status", "01a20682-254f-77a0-9cbe-cd482b63b4e2")
    assert code == Exit.REFUSED
    code, _, errors = await budstikke(
        "send", "--to", numbers.norwegian(), "--text", "Hei", BUDSTIKKE_KEY="bsk_0000000000000000_" + "0" * 43
    )
    assert code == Exit.REFUSED
    assert "unauthorized" in errors


async def test_wrong_usage_is_2(budstikke: Command) -> None:
    for arguments in (("send",), ("send", "--to", "+4790000001"), ("nothing",), ("status",)):
        code, _, errors = await budstikke(*arguments)
        assert code == Exit.USAGE
        assert errors


async def test_a_gateway_that_is_not_there_is_3(budstikke: Command, numbers: Numbers) -> None:
    code, _, errors = await budstikke(
        "send", "--to", numbers.norwegian(), "--text", "Hei", BUDSTIKKE_API=f"http://127.0.0.1:{free_port()}"
    )
    assert code == Exit.UNREACHABLE
    assert "a repeat is safe" in errors


async def test_some_recipients_refused_is_4_and_the_others_are_sent(
    budstikke: Command, fjord: Smsc, numbers: Numbers
) -> None:
    to = numbers.norwegian()
    code, output, _ = await budstikke("send", "--to", to, "--to", "12", "--text", "Hei", "--wait")
    assert code == Exit.PARTLY_REFUSED
    assert "invalid_number" in output
    assert len(await fjord.taken_for(to)) == 1


async def test_a_message_that_is_not_delivered_is_5(budstikke: Command, fjord: Smsc, numbers: Numbers) -> None:
    await fjord.behave(receipt_state="undeliverable")
    code, output, _ = await budstikke("send", "--to", numbers.norwegian(), "--text", "Hei", "--wait")
    assert code == Exit.NOT_DELIVERED
    assert "undelivered" in output
    await fjord.behave(receipts="never")
    code, _, errors = await budstikke("send", "--to", numbers.norwegian(), "--text", "Hei", "--wait", "--for", "1")
    assert code == Exit.NOT_DELIVERED
    assert "no final state" in errors


async def test_a_key_may_come_from_a_file(
    budstikke: Command, system: System, fjord: Smsc, numbers: Numbers, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(f"{system.key}\n")
    key.chmod(0o600)
    arguments = ("send", "--to", numbers.norwegian(), "--text", "Hei", "--key-file", str(key))
    assert (await budstikke(*arguments, BUDSTIKKE_KEY=""))[0] == Exit.OK


async def test_staff_let_an_account_in_stop_it_and_end_its_key(
    budstikke: Command, system: System, numbers: Numbers
) -> None:
    staff = {"BUDSTIKKE_STAFF_KEY": read_env(system.local_env)["BUDSTIKKE_STAFF_KEY"]}
    account = f"skole-{secrets.token_hex(4)}"

    async def staffed(*arguments: str) -> str:
        code, output, errors = await budstikke(*arguments, **staff)
        assert (code, errors) == (Exit.OK, ""), (arguments, output, errors)
        return output

    async def until_sending(ends: Exit) -> None:
        send = ("send", "--to", numbers.norwegian(), "--text", "Hei", "--category", "alarm")

        async def ended() -> bool:
            return (await budstikke(*send, BUDSTIKKE_KEY=key))[0] == ends

        await wait_until(ended, waiting_for=f"sending to end with {ends}")

    new = ("--organisation", account, "--new-organisation", "Nordvik kommune", "--name", "Nordvik skole")
    await staffed("accounts", "create", account, *new, "--from", "Skolen")
    key = (await staffed("keys", "create", account, "--name", "varsling")).splitlines()[-1]
    await until_sending(Exit.OK)
    await staffed("accounts", "suspend", account, "--lane", "express", "--reason", "klager")
    assert "express" in await staffed("accounts", "show", account)
    await until_sending(Exit.REFUSED)
    await staffed("accounts", "resume", account)
    await until_sending(Exit.OK)
    await staffed("keys", "revoke", account, key.split("_")[1])
    await until_sending(Exit.REFUSED)
    await staffed("accounts", "close", account, "--yes")
