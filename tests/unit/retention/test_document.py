"""What staff may ask of retention is documented, all of it and nothing else."""

from __future__ import annotations

from typing import Any

from services.retention.api.routes import RetentionRoutes
from services.retention.api.staff_document import staff_part
from shared.internal.api import Guard

NOBODY: Any = None


def test_every_route_of_staff_is_documented_and_nothing_else() -> None:
    served = {
        (method.lower(), route.path.replace("/internal/", "/admin/"))
        for route in RetentionRoutes(NOBODY, NOBODY, NOBODY).routes(Guard(b"", NOBODY, {}))
        for method in route.methods or ()
        if method != "HEAD" and route.path.startswith("/internal/privacy")
    }
    assert served == {(method, path) for path, calls in staff_part()["paths"].items() for method in calls}
