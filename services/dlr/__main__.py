"""`python -m services.dlr <role>…`: roles `status`, `webhooks`, `relay`, `inbound`, `privacy` and `api`; or a command:
`provision-demo`, `provision-number`, `activate-keyword`.
"""

from __future__ import annotations

import sys

from services.dlr.api.role import build_api
from services.dlr.clients.role import build_relay
from services.dlr.inbound import command
from services.dlr.inbound.role import build_inbound
from services.dlr.privacy.role import build_privacy
from services.dlr.status.role import build_status
from services.dlr.webhooks.role import build_webhooks
from shared.service import serve

if __name__ == "__main__":
    roles = {
        "status": build_status,
        "webhooks": build_webhooks,
        "relay": build_relay,
        "inbound": build_inbound,
        "privacy": build_privacy,
        "api": build_api,
    }
    commands = {command.DEMO: command.demo, command.NUMBER: command.number, command.ACTIVATE: command.activate}
    if sys.argv[1:] and sys.argv[1] in commands:
        sys.exit(commands[sys.argv[1]](sys.argv[2:]))
    sys.exit(serve("dlr", roles, sys.argv[1:]))
