"""`python -m docs.generate`: writes what is said of the code elsewhere; `--check` compares and writes nothing.

That is sections of the pages here, and the parts of the HTTP API's document (`shared.contracts.openapi`). A page keeps
its prose: what comes from code stands between `<!-- from code: NAME -->` and `<!-- end: NAME -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from docs.sections import attacks, charges, codes, faults, figures, make, metrics, operators, people, settings, states
from services.billing.api import document as billing
from services.billing.api import staff_document as billing_staff
from services.dlr.api import document as dlr
from services.retention.api import document as retention
from services.retention.api import staff_document as retention_staff
from shared.contracts.openapi import staff
from shared.contracts.openapi.parts import path_of, text_of
from shared.contracts.openapi.pieces import Json

FOLDER: Final = Path(__file__).parent
REMEDY: Final = "run `.venv/bin/python -m docs.generate` and commit what it writes"

PAGES: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "configuration.md": {
        "settings": settings.settings,
        "operators": operators.operators,
        "make": make.make,
        "command": make.environment_of_command,
    },
    "errors.md": {
        "problems": codes.problems,
        "away": codes.away,
        "fields": codes.fields,
        "admin problems": codes.admin_problems,
        "admin fields": codes.admin_fields,
        "reasons": codes.reasons,
        "webhooks": codes.webhooks,
        "incoming": codes.incoming,
        "books": codes.books,
        "premium books": codes.premium_books,
        "privacy": codes.privacy,
        "exits": codes.exits,
    },
    "concepts.md": {"states": states.states},
    "performance.md": {
        "smpp": figures.figures("smpp"),
        "hops": figures.figures("hops"),
        "sender": figures.figures("sender"),
        "status": figures.figures("status"),
        "system": figures.figures("system"),
        "latency": figures.figures("latency"),
        "pace": figures.figures("pace"),
        "backlog": figures.figures("backlog"),
        "growth": figures.figures("growth"),
        "workers": figures.figures("workers"),
    },
    "reliability.md": {"attacks": attacks.attacks, "faults": faults.faults, "charges": charges.charges},
    "operations/metrics.md": {"metrics": metrics.metrics},
    "privacy.md": {"stores": people.stores, "topics": people.topics},
}
"""The sections of each page, by name."""

PARTS: Final[Mapping[str, Callable[[], Json]]] = {
    "billing": billing.part,
    "dlr": dlr.part,
    "retention": retention.part,
}
"""What each service behind the front door says of its calls."""

STAFF_PARTS: Final[Mapping[str, Callable[[], Json]]] = {
    "billing": billing_staff.staff_part,
    "retention": retention_staff.staff_part,
}
"""What it says of those that staff alone may make."""


def filled(page: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The page with its sections as the code has them now. Raises `ValueError` unless it has exactly these."""
    names = re.findall(r"^<!-- from code: (.+) -->$", page, re.MULTILINE)
    if names != list(sections):
        raise ValueError(f"the page has the sections {names}, not {list(sections)}")
    for name, section in sections.items():
        begin, end = f"<!-- from code: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"the section {name} does not end")
        page = f"{before}{begin}\n\n{section()}\n\n{end}{after}"
    return page


def stale() -> dict[Path, str]:
    """The files that say other than the code, each with what it should be."""
    now = {FOLDER / name: filled((FOLDER / name).read_text(), sections) for name, sections in PAGES.items()}
    now |= {path_of(service): text_of(part()) for service, part in PARTS.items()}
    now |= {staff.path_of(service): text_of(part()) for service, part in STAFF_PARTS.items()}
    return {path: text for path, text in now.items() if not path.exists() or path.read_text() != text}


def main(arguments: Sequence[str]) -> int:
    """Write or check; 1 when a check found something, 2 for wrong usage."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m docs.generate [--check]", file=sys.stderr)  # noqa: T201
        return 2
    found = stale()
    if arguments:
        for path in found:
            print(f"{path.name} does not say what the code says: {REMEDY}", file=sys.stderr)  # noqa: T201
        return 1 if found else 0
    for path, text in found.items():
        path.write_text(text)
        print(f"wrote {path.name}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
