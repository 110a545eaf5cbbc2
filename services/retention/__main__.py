"""`python -m services.retention <role>…`: roles `orders`, `proof` and `api`."""

from __future__ import annotations

import sys

from services.retention.api.role import build_api
from services.retention.orders.role import build_orders
from services.retention.proof.role import build_proof
from shared.service import serve

if __name__ == "__main__":
    sys.exit(serve("retention", {"orders": build_orders, "proof": build_proof, "api": build_api}, sys.argv[1:]))
