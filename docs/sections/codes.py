"""Every public code with its cause and remedy, from the tables that stand beside the codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, IntEnum
from typing import Any

from cli.exits import EXITS
from docs.sections.tables import code, sentence, table
from services.billing.api.problems import FIELDS as BOOK_FIELDS
from services.billing.api.problems import KINDS as BOOK_KINDS
from services.billing.premium.api.problems import KINDS as PREMIUM_KINDS
from services.dlr.inbound.api.problems import FIELDS as INBOUND_FIELDS
from services.dlr.inbound.api.problems import KINDS as INBOUND_KINDS
from services.dlr.webhooks.api.explained import ENDS, FAILURES, OFFS
from services.dlr.webhooks.api.problems import KINDS as WEBHOOK_KINDS
from services.ingest.admin.explained import ADMIN_FIELDS
from services.ingest.admin.problems import ADMIN_KINDS
from services.ingest.api.explained import AWAY, FIELDS
from services.ingest.api.problems import KINDS
from services.retention.api.problems import FIELDS as PRIVACY_FIELDS
from services.retention.api.problems import KINDS as PRIVACY_KINDS
from shared.contracts.codes import PERMANENT, REASONS
from shared.explanations import Explanation
from shared.http import Kind
from shared.text.codes import NUMBERS, SENDERS, TEXTS

_HEAD = ("code", "cause", "remedy")


def problems() -> str:
    """Problem documents of the API."""
    return _kinds(KINDS)


def admin_problems() -> str:
    """Problem documents that only `/admin` gives."""
    return _kinds(ADMIN_KINDS)


def away() -> str:
    """`detail` of `unavailable`."""
    return _explained(AWAY)


def fields() -> str:
    """`code` of an entry of `errors`."""
    return _explained(FIELDS, TEXTS, NUMBERS, SENDERS)


def admin_fields() -> str:
    """The same, of `/admin` alone."""
    return _explained(ADMIN_FIELDS)


def reasons() -> str:
    """Reasons of final states; those that speak of the number itself are marked."""
    head = ("reason", "cause", "remedy", "drop the number")
    rows = ((*_row(key, REASONS[key]), "yes" if key in PERMANENT else "") for key in REASONS)
    return table(head, rows)


def webhooks() -> str:
    """What the management of webhooks shows."""
    own = {key: kind for key, kind in WEBHOOK_KINDS.items() if key not in KINDS}
    parts = (
        ("`failure` of an attempt:", FAILURES),
        ("`end` of a dead delivery:", ENDS),
        ("`off` of an endpoint:", OFFS),
    )
    told = (f"{title}\n\n{_explained(explained)}" for title, explained in parts)
    return "\n\n".join([f"Problem documents:\n\n{_kinds(own)}", *told])


def incoming() -> str:
    """What the calls for keywords, incoming messages and opt-outs answer with."""
    own = {key: kind for key, kind in INBOUND_KINDS.items() if key not in KINDS}
    return f"Problem documents:\n\n{_kinds(own)}\n\nCodes of fields:\n\n{_explained(INBOUND_FIELDS)}"


def books() -> str:
    """What usage, invoices and finance's commands answer with."""
    own = {key: kind for key, kind in BOOK_KINDS.items() if key not in KINDS}
    return f"Problem documents:\n\n{_kinds(own)}\n\nCodes of fields:\n\n{_explained(BOOK_FIELDS)}"


def premium_books() -> str:
    """Problem documents of the premium books."""
    return _kinds({key: kind for key, kind in PREMIUM_KINDS.items() if key not in KINDS})


def privacy() -> str:
    """What periods, erasures and legal holds answer with."""
    own = {key: kind for key, kind in PRIVACY_KINDS.items() if key not in KINDS}
    return f"Problem documents:\n\n{_kinds(own)}\n\nCodes of fields:\n\n{_explained(PRIVACY_FIELDS)}"


def exits() -> str:
    """Exit codes of the command."""
    return _explained(EXITS)


def _kinds(kinds: Mapping[Any, Kind]) -> str:
    rows = (
        (code(_text(key)), str(kind.status), kind.meaning, kind.remedy)
        for key, kind in sorted(kinds.items(), key=lambda item: item[1].status)
    )
    return table(("code", "status", "cause", "remedy"), rows)


def _explained(*tables: Mapping[Any, Explanation]) -> str:
    return table(_HEAD, _rows(tables))


def _rows(tables: Iterable[Mapping[Any, Explanation]]) -> Iterable[tuple[str, ...]]:
    for explained in tables:
        for key, explanation in explained.items():
            yield _row(key, explanation)


def _row(key: str | Enum, explanation: Explanation) -> tuple[str, ...]:
    return code(_text(key)), sentence(explanation.cause), explanation.remedy


def _text(key: str | Enum) -> str:
    if isinstance(key, IntEnum):
        return f"{key.value} {key.name.lower()}"
    return str(key.value) if isinstance(key, Enum) else key
