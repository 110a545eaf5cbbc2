"""The commands: numbers, the demo account's keywords, and keywords that a person lets answer."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from services.dlr.inbound.keyword import KeywordState, StopScope
from services.dlr.inbound.provision import DEMO, DEMO_NUMBER
from services.dlr.inbound.store import InboundStore
from services.dlr.status.store import DATABASE
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.inbound.driving import Life


async def run(mongodb: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.dlr",
        *arguments,
        env={**os.environ, "BUDSTIKKE_MONGODB": mongodb},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


@pytest.fixture
async def shared(mongodb: str) -> AsyncIterator[InboundStore]:
    """The database that the commands write to."""
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    yield InboundStore(mongo)
    for name in ("inbound_numbers", "keywords"):
        await mongo.database[name].delete_many({})
    await mongo.stop(1.0)


async def test_the_demo_account_has_a_number_with_keywords_and_keeps_what_it_changed(
    mongodb: str, shared: InboundStore
) -> None:
    assert (await run(mongodb, "provision-demo"))[0] == 0
    first = await shared.keywords_of(DEMO)
    assert await shared.remove_keyword(DEMO, first[0].id)
    assert (await run(mongodb, "provision-demo"))[0] == 0

    assert (await shared.numbers([DEMO_NUMBER]))[DEMO_NUMBER].account_id == DEMO
    assert [one.keyword for one in await shared.keywords_of(DEMO)] == ["blomst", "tips"]


async def test_a_number_is_somebodys_or_shared(mongodb: str, shared: InboundStore) -> None:
    assert (await run(mongodb, "provision-number", "2401"))[0] == 0
    assert (await run(mongodb, "provision-number", "990 00 001", "--account", "skole", "--stop", "sender"))[0] == 0
    found = await shared.numbers(["2401", "+4799000001"])
    assert found["2401"].account_id is None
    assert (found["+4799000001"].account_id, found["+4799000001"].stop) == ("skole", StopScope.SENDER)


async def test_what_is_no_number_is_refused(mongodb: str, shared: InboundStore) -> None:
    code, said = await run(mongodb, "provision-number", "abc")
    assert (code, "number_has_letters" in said) == (1, True)
    code, said = await run(mongodb, "activate-keyword", "kw_none")
    assert (code, "not_found" in said) == (1, True)


async def test_an_ordered_keyword_answers_once_a_person_says_so(mongodb: str, shared: InboundStore, life: Life) -> None:
    mine = life.store
    life.store = shared
    keyword = await life.keyword("lodd", "2401", AccountId("skole"), state=KeywordState.ORDERED)
    life.store = mine
    assert (await run(mongodb, "activate-keyword", keyword.id))[0] == 0
    (found,) = await shared.keywords_of(AccountId("skole"))
    assert found.state is KeywordState.ACTIVE
