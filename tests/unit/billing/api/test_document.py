"""What the service says of its calls in the public document is what it serves."""

from __future__ import annotations

from typing import Any

import msgspec

from services.billing.api.accounts import AccountReads
from services.billing.api.document import part
from services.billing.api.guard import Guard
from services.billing.api.problems import READS

NOBODY: Any = None
PART = msgspec.json.decode(msgspec.json.encode(part()))


def test_every_route_of_accounts_is_documented_and_nothing_else() -> None:
    routes = AccountReads(NOBODY, NOBODY, NOBODY).routes(Guard(b"", NOBODY, {}))
    served = {
        (method.lower(), route.path.removeprefix("/internal"))
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert served == {(method, path) for path, calls in PART["paths"].items() for method in calls}


def test_every_code_is_documented() -> None:
    named = {
        code
        for calls in PART["paths"].values()
        for call in calls.values()
        for status, response in call["responses"].items()
        if status >= "400"
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert named == set(READS)
