"""`python -m services.billing <role>…`: role `api`."""

from __future__ import annotations

import sys

from services.billing.api.role import build_api
from shared.service import serve

if __name__ == "__main__":
    roles = {"api": build_api}
    sys.exit(serve("billing", roles, sys.argv[1:]))
