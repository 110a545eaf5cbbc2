"""`python -m services.billing <role>…`: roles `usage`, `invoicing`, `premium` and `api`."""

from __future__ import annotations

import sys

from services.billing.api.role import build_api
from services.billing.invoicing.role import build_invoicing
from services.billing.premium.role import build_premium
from services.billing.usage.role import build_usage
from shared.service import serve

if __name__ == "__main__":
    roles = {"usage": build_usage, "invoicing": build_invoicing, "premium": build_premium, "api": build_api}
    sys.exit(serve("billing", roles, sys.argv[1:]))
