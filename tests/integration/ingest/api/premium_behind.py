"""What an account has in the premium books, for requests about something that is there."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from services.billing.premium.closing import STATEMENTS
from services.billing.premium.ledger import HeardEvent, Ledger
from services.billing.premium.refund import refund_id
from services.billing.premium.refunding import Refunds
from services.billing.premium.statement import OpenTotal, state
from services.billing.premium.terms import read_terms
from services.billing.rows import to_row
from shared.contracts.premium import TransactionId
from shared.ids import AccountId
from shared.money.periods import Month
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.stores.mongodb import MongoStore
from tests.unit.billing.premium.building import START, changed

NUMBER = "+4799999999"
MONTH = Month("2026-10")


async def keep_premium(mongo: MongoStore, folder: Path, account: AccountId) -> dict[str, str]:
    """Two billed charges of one person, a refund of the first, a statement; ids by the paths that name them."""
    pseudonym = Pseudonyms(FileKeyStore(folder / "keys")).of(account, NUMBER, START)
    ids = [TransactionId(str(uuid4())) for _ in range(2)]
    heard = [
        HeardEvent(f"{name}:1", changed(transaction_id=name, account_id=account, pseudonym=pseudonym)) for name in ids
    ]
    await Ledger(mongo, read_terms()).hear(heard, START)
    await Refunds(mongo).ask(account, ids[0], at=START, by="k", reason=None)
    statement = state(account, "mer_test", MONTH, [], vat=2500, left=OpenTotal(), at=START)
    await mongo.database[STATEMENTS].insert_one(to_row(statement))
    return {"transactions": ids[1], "refunds": refund_id(ids[0])}
