"""`python -m services.dlr <role>…`: roles `status`, `webhooks` and `api`."""

from __future__ import annotations

import sys

from services.dlr.api.role import build_api
from services.dlr.status.role import build_status
from services.dlr.webhooks.role import build_webhooks
from shared.service import serve

if __name__ == "__main__":
    sys.exit(serve("dlr", {"status": build_status, "webhooks": build_webhooks, "api": build_api}, sys.argv[1:]))
