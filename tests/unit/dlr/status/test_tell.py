"""What an event tells beside the state."""

from __future__ import annotations

import msgspec

from services.dlr.status.tell import charge_of
from shared.contracts.words import FactKind as F
from tests.unit.dlr.building import asked, fact, folded


def test_a_test_is_never_charged() -> None:
    message, _ = folded(asked(), fact(F.QUEUED, part=0), fact(F.SUBMITTED))
    request, step = asked().request, message.history[-1]
    assert charge_of(request, step) is not None
    assert charge_of(msgspec.structs.replace(request, test=True), step) is None
