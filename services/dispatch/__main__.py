"""`python -m services.dispatch <role>…`: roles `router`, `sender`, `sweeper`, `strex` and `privacy`."""

from __future__ import annotations

import sys

from services.dispatch.privacy.role import build_privacy
from services.dispatch.router.role import build_router
from services.dispatch.sender.role import build_sender
from services.dispatch.strex.role import build_strex
from services.dispatch.sweeper.role import build_sweeper
from shared.service import serve

if __name__ == "__main__":
    roles = {
        "router": build_router,
        "sender": build_sender,
        "sweeper": build_sweeper,
        "strex": build_strex,
        "privacy": build_privacy,
    }
    sys.exit(serve("dispatch", roles, sys.argv[1:]))
