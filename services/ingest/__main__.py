"""`python -m services.ingest <role>…`, or a command: `provision-demo`, `provision-staff`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from services.ingest.accounts import command as accounts
from services.ingest.clients.role import build_clients
from services.ingest.desk.role import build_desk
from services.ingest.privacy.role import build_privacy
from services.ingest.screening.role import build_screening
from services.ingest.signals.role import build_signals
from shared.lifecycle import Component
from shared.service import Context, serve


def build_api(context: Context) -> Sequence[Component]:
    """The role `api`, imported when it is wanted: that takes 0.4 s of CPU, as much as all other roles and commands."""
    from services.ingest.api import role

    return role.build_api(context)


if __name__ == "__main__":
    commands = {
        accounts.COMMAND: accounts.provision,
        accounts.STAFF_COMMAND: accounts.provision_first_admin,
    }
    if sys.argv[1:] and sys.argv[1] in commands:
        sys.exit(commands[sys.argv[1]](sys.argv[2:]))
    roles = {
        "api": build_api,
        "clients": build_clients,
        "screening": build_screening,
        "desk": build_desk,
        "signals": build_signals,
        "privacy": build_privacy,
    }
    sys.exit(serve("ingest", roles, sys.argv[1:]))
