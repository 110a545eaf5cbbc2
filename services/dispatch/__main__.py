"""`python -m services.dispatch <role>…`: roles `router` and `sender`."""

from __future__ import annotations

import sys

from services.dispatch.router.role import build_router
from services.dispatch.sender.role import build_sender
from shared.service import serve

if __name__ == "__main__":
    sys.exit(serve("dispatch", {"router": build_router, "sender": build_sender}, sys.argv[1:]))
