"""No public code without a cause and a remedy."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from cli.exits import EXITS, Exit
from docs.generate import FOLDER
from services.billing.api.problems import FIELDS as BOOK_FIELDS
from services.billing.api.problems import KINDS as BOOK_KINDS
from services.billing.premium.api.problems import KINDS as PREMIUM_KINDS
from services.dlr.inbound.api.problems import FIELDS as INBOUND_FIELDS
from services.dlr.inbound.api.problems import KINDS as INBOUND_KINDS
from services.dlr.webhooks.api.explained import ENDS, FAILURES, OFFS
from services.dlr.webhooks.api.problems import KINDS as WEBHOOK_KINDS
from services.dlr.webhooks.client.outcome import Failure
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import Off
from services.ingest.accounts.addresses import AddressCode
from services.ingest.accounts.changes import ChangeCode
from services.ingest.admin.explained import ADMIN_FIELDS
from services.ingest.admin.problems import ADMIN_KINDS, AdminCode, AdminFieldCode
from services.ingest.api.explained import AWAY, FIELDS
from services.ingest.api.problems import KINDS, Code, FieldCode
from services.ingest.clients.letting import ClientCode
from shared.contracts.codes import REASONS, Reason
from shared.text.codes import NUMBERS, SENDERS, TEXTS, NumberCode, SenderCode, TextCode

ROOT = FOLDER.parent
REMEDY = "give it a cause and a remedy in the table beside it"

SETS: list[tuple[Mapping[Any, Any], list[type[Enum]]]] = [
    (KINDS, [Code]),
    (ADMIN_KINDS, [AdminCode, ChangeCode, ClientCode]),
    (FIELDS, [FieldCode]),
    (ADMIN_FIELDS, [AdminFieldCode, AddressCode]),
    (TEXTS, [TextCode]),
    (NUMBERS, [NumberCode]),
    (SENDERS, [SenderCode]),
    (REASONS, [Reason]),
    (FAILURES, [Failure]),
    (ENDS, [End]),
    (OFFS, [Off]),
    (EXITS, [Exit]),
]
DOORS = [
    *("ingest/api", "ingest/admin", "ingest/accounts", "ingest/idempotency", "ingest/limits"),
    *("dlr/webhooks/api", "dlr/inbound/api", "billing/api", "billing/invoicing", "billing/premium"),
]
PLACES = {"Refused": 0, "Rejected": 0, "PydanticCustomError": 0, "FieldError": 1, "invalid": 1}
"""Which argument of a refusal is its code."""
ABSORBED = {"valkey_unavailable"}
"""What a door never answers with: its limits go on without Valkey."""


@pytest.mark.parametrize(("explained", "kinds"), SETS, ids=lambda value: "" if isinstance(value, Mapping) else value[0])
def test_every_code_has_a_cause_and_a_remedy(explained: Mapping[Any, Any], kinds: list[type[Enum]]) -> None:
    assert set(chain.from_iterable(kinds)) - set(explained) == set(), REMEDY
    assert all(getattr(one, "cause", "") or getattr(one, "meaning", "") for one in explained.values()), REMEDY
    assert all(one.remedy for one in explained.values()), REMEDY


def test_every_code_is_on_the_page() -> None:
    page = (FOLDER / "errors.md").read_text()
    codes = [code for explained, _ in SETS if explained is not EXITS for code in explained]
    assert [
        code
        for code in (
            *codes,
            *AWAY,
            *WEBHOOK_KINDS,
            *INBOUND_KINDS,
            *INBOUND_FIELDS,
            *BOOK_KINDS,
            *BOOK_FIELDS,
            *PREMIUM_KINDS,
        )
        if f"| `{code}` |" not in page
    ] == []


@pytest.mark.parametrize("door", DOORS)
def test_no_door_refuses_with_a_code_that_is_not_explained(door: str) -> None:
    known = {str(code) for explained, _ in SETS for code in explained}
    known |= {*WEBHOOK_KINDS, *INBOUND_KINDS, *INBOUND_FIELDS, *BOOK_KINDS, *BOOK_FIELDS, *PREMIUM_KINDS}
    assert {code for name, code in raised(door) if name != "TryLater"} - known == set(), REMEDY


@pytest.mark.parametrize("door", [door for door in DOORS if door.startswith("ingest")])
def test_no_door_asks_for_patience_with_a_code_that_is_not_explained(door: str) -> None:
    assert {code for name, code in raised(door) if name == "TryLater"} - set(AWAY) - ABSORBED == set(), REMEDY


def raised(door: str) -> Iterator[tuple[str, str]]:
    """Names of errors and the codes that stand as strings in their calls."""
    for path in sorted(Path(ROOT, "services", door).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = {**PLACES, "TryLater": 0}.get(node.func.id)
            if place is None or len(node.args) <= place:
                continue
            argument = node.args[place]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield node.func.id, argument.value
