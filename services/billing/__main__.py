"""`python -m services.billing <role>…`: roles `usage`, `invoicing`, `premium`, `privacy` and `api`."""

from __future__ import annotations

import sys

from services.billing.api.role import build_api
from services.billing.invoicing.role import build_invoicing
from services.billing.premium.role import build_premium
from services.billing.privacy.role import build_privacy
from services.billing.usage.role import build_usage
from shared.service import serve

if __name__ == "__main__":
    roles = {
        "usage": build_usage,
        "invoicing": build_invoicing,
        "premium": build_premium,
        "privacy": build_privacy,
        "api": build_api,
    }
    sys.exit(serve("billing", roles, sys.argv[1:]))
