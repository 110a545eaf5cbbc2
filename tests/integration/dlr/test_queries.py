"""Every query of the role has its index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services.dlr.status.message import Message
from services.dlr.status.parked import ParkedReceipts
from services.dlr.status.store import MessageStore
from shared.contracts.words import FactKind, ReceiptState
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.driving import message_ids
from tests.unit.dlr.building import ACCOUNT, START, asked, at, fact, folded, operator_receipt

IDS = message_ids(2000)
NAMES = [f"fjord:{number}" for number in range(2000)]


def messages() -> Iterator[Message]:
    submitted, _ = folded(asked(), fact(FactKind.QUEUED, part=0), fact(FactKind.SUBMITTED))
    [submission] = submitted.submissions
    for message_id, name in zip(IDS, NAMES, strict=True):
        named = msgspec.structs.replace(submission, key=name)
        yield msgspec.structs.replace(submitted, id=message_id, submissions=(named,))


@pytest.fixture
async def profile(mongo: MongoStore, store: MessageStore, parked: ParkedReceipts) -> Any:
    """Fills the collections; gives what the database says of each operation from then on."""
    await store.save(new=list(messages()), known=[])
    await parked.park(
        [
            operator_receipt(ReceiptState.DELIVERED, receipt_id=name, message_id=None, operator_id=name[6:])
            for name in NAMES
        ],
        START,
    )
    await mongo.database.command("profile", 2)

    async def operations() -> list[dict[str, Any]]:
        return await mongo.database["system.profile"].find({"ns": {"$not": {"$regex": "system"}}}).to_list(None)

    yield operations
    await mongo.database.command("profile", 0)


async def test_every_query_reads_an_index_and_no_more_documents_than_it_gives(
    store: MessageStore, parked: ParkedReceipts, profile: Any
) -> None:
    assert len(await store.load(IDS[:500])) == 500
    assert await store.one_of(ACCOUNT, IDS[0]) is not None
    assert len(await store.named(NAMES[:500], at(-60))) == 500
    assert len(await parked.called(["fjord:3"])) == 1
    known = next(messages())
    await store.save(new=[], known=[(known.version, msgspec.structs.replace(known, version=9))])
    await parked.drop(NAMES[:1])
    done = await profile()
    assert sorted(one["op"] for one in done) == ["query", "query", "query", "query", "remove", "update"]
    for one in done:
        assert "COLLSCAN" not in one["planSummary"], one["planSummary"]
        assert one["docsExamined"] == max(one.get("nreturned", 0), one.get("nMatched", 0), one.get("ndeleted", 0))
    assert [one["planSummary"] for one in done if one["op"] == "update"] == ["IDHACK"]
