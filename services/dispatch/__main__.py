"""`python -m services.dispatch <role>…`: roles `router`, `sender` and `strex`."""

from __future__ import annotations

import sys

from services.dispatch.router.role import build_router
from services.dispatch.sender.role import build_sender
from services.dispatch.strex.role import build_strex
from shared.service import serve

if __name__ == "__main__":
    sys.exit(serve("dispatch", {"router": build_router, "sender": build_sender, "strex": build_strex}, sys.argv[1:]))
