"""The premium books' part of the role `api`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.routing import Route

from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.api.reconciliation import Reconciliation
from services.billing.premium.api.refunding import RefundDesk
from services.billing.premium.api.routes import Books, premium_routes
from services.billing.premium.closing import Closing
from services.billing.premium.ledger import Ledger
from services.billing.premium.refunding import Refunds
from services.billing.premium.terms import EXAMPLE, read_terms
from services.billing.settings import ApiSettings
from shared.clock import Clock
from shared.lifecycle import Component, Prepare
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.stores.mongodb import MongoStore


class PremiumPart(msgspec.Struct, frozen=True):
    """What the role adds to itself."""

    components: Sequence[Component]
    routes: Sequence[Route]


def premium_part(settings: ApiSettings, mongo: MongoStore, secret: bytes, clock: Clock) -> PremiumPart:
    """Routes, and what must be ready before they answer."""
    terms = read_terms(settings.premium_terms or EXAMPLE)
    ledger, refunds = Ledger(mongo, terms), Refunds(mongo)
    closing = Closing(mongo, ledger, terms, clock)
    key = settings.premium_export_key
    files = DailyFiles(settings.premium_export, "" if key is None else key.get_secret_value())
    books = Books(
        ledger,
        refunds,
        closing,
        RefundDesk(ledger, refunds, Pseudonyms(FileKeyStore(settings.key_store)), clock),
        Reconciliation(mongo, ledger, files, clock),
    )
    prepared = (
        Prepare("premium ledger indexes", ledger.prepare),
        Prepare("premium refunds indexes", refunds.prepare),
        Prepare("premium closing indexes", closing.prepare),
    )
    return PremiumPart(prepared, premium_routes(books, secret, clock))
