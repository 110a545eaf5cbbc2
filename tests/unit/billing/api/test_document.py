"""What the service says of its calls in the public document is what it serves."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from services.billing.api.accounts import AccountReads
from services.billing.api.document import part
from services.billing.api.finance import FinanceRoutes
from services.billing.api.problems import READS
from services.billing.api.staff_document import staff_part
from services.billing.premium.api.problems import KINDS as PREMIUM_KINDS
from services.billing.premium.api.routes import premium_routes
from shared.internal.api import Guard

NOBODY: Any = None
PART = msgspec.json.decode(msgspec.json.encode(part()))


def test_every_route_of_accounts_is_documented_and_nothing_else() -> None:
    routes = [
        *AccountReads(NOBODY, NOBODY, NOBODY).routes(Guard(b"", NOBODY, {})),
        *premium_routes(NOBODY, b"", NOBODY),
    ]
    served = {
        (method.lower(), route.path.removeprefix("/internal"))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD" and route.path.startswith("/internal/v1")
    }
    assert served == {(method, path) for path, calls in PART["paths"].items() for method in calls}


def test_every_route_of_finance_is_in_the_document_of_staff_and_nothing_else() -> None:
    routes = [
        *FinanceRoutes(NOBODY, NOBODY).routes(Guard(b"", NOBODY, {})),
        *premium_routes(NOBODY, b"", NOBODY),
    ]
    served = {
        (method.lower(), unnamed(route.path.replace("/internal/finance/", "/admin/books/")))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD" and route.path.startswith("/internal/finance")
    }
    assert served == {(method, unnamed(path)) for path, calls in staff_part()["paths"].items() for method in calls}


def unnamed(path: str) -> str:
    """A path without the names of what stands in it."""
    return re.sub(r"{\w+}", "{}", path)


def test_every_code_that_accounts_meet_is_documented() -> None:
    named = {
        code
        for calls in PART["paths"].values()
        for call in calls.values()
        for status, response in call["responses"].items()
        if status >= "400"
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert set(READS) <= named <= {*READS, *PREMIUM_KINDS}
