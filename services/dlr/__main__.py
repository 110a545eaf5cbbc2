"""`python -m services.dlr <role>…`: roles `status`, `webhooks`, `relay`, `inbound`, `privacy` and `api`."""

from __future__ import annotations

import sys

from services.dlr.api.role import build_api
from services.dlr.clients.role import build_relay
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
    sys.exit(serve("dlr", roles, sys.argv[1:]))
