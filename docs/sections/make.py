"""Variables of the Makefile, and what the command reads from its environment."""

from __future__ import annotations

import re
from typing import Final

from cli import settings as command
from deploy.local.settings import ROOT
from docs.sections.tables import code, table

_MEANINGS: Final = {
    "PORT_BASE": "first port of a run, 1024 to 65400; the others follow from it",
    "VAR": "folder of a run's data, logs and keys, seen from the checkout; none: `var`, with another `PORT_BASE` "
    "`var/<PORT_BASE>`",
    "OPERATORS": "operators file of your own, seen from the checkout; no simulators start, what is sent is real",
    "ROLES": "`split`: every role is a process of its own, as on Kubernetes; none: one process a service, one more for "
    "the front door",
    "ARGS": "further arguments for pytest in `make test` and `make test-unit`",
}


def make() -> str:
    """The variables that the Makefile gives a default. Raises `KeyError` for one without meaning here."""
    found = re.findall(r"^([A-Z_]+) \?=[ ]*(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    rows = ((code(name), code(default) if default else "none", _MEANINGS[name]) for name, default in found)
    return table(("variable", "default", "meaning"), rows)


def environment_of_command() -> str:
    """What `budstikke` reads."""
    rows = [(code(command.API), "address of the gateway, `https://host`")]
    for names in (command.ACCOUNT, command.STAFF):
        rows += [
            (code(names.key), f"the {names.called} itself"),
            (code(names.key_file), f"file that holds the {names.called}"),
        ]
    return table(("variable", "meaning"), rows)
