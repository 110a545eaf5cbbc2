"""`python -m services.ingest <role>…`: roles `api` and `screening`; or `provision-demo --key-file PATH`."""

from __future__ import annotations

import sys

from services.ingest.accounts.command import COMMAND, provision
from services.ingest.api.role import build_api
from services.ingest.screening.role import build_screening
from shared.service import serve

if __name__ == "__main__":
    if sys.argv[1:2] == [COMMAND]:
        sys.exit(provision(sys.argv[2:]))
    sys.exit(serve("ingest", {"api": build_api, "screening": build_screening}, sys.argv[1:]))
