"""What a killed process leaves open in MongoDB."""

from __future__ import annotations

from shared.stores.mongodb import MongoStore


async def end_transactions(mongo: MongoStore) -> None:
    """End the transactions of whoever was killed, for which a drop or the next process would else wait ten seconds.

    Those of everybody else end too: call it while nobody of the test is at work.
    """
    await mongo.database.client.admin.command({"killAllSessions": []})
