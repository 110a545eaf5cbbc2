"""What is kept of a request's recipient."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.dlr.status.heard import Ear, Heard
from services.dlr.status.message import Request
from shared.clock import ManualClock
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from tests.integration.dlr.driving import message_ids, record
from tests.unit.dlr.building import ACCOUNT, START, send_requested


@pytest.mark.parametrize("spelled", ["+4790000001", "90000001", "0047 900 00 001", "4790000001"])
def test_however_a_number_is_written_its_person_has_one_pseudonym(tmp_path: Path, spelled: str) -> None:
    keys = FileKeyStore(tmp_path)
    sealer, (message_id,) = Sealer(keys, ManualClock(START)), message_ids(1)
    to, content = (sealer.seal(ACCOUNT, message_id, field, spelled, START) for field in ("to", "content"))
    asked = record("sms.requests.standard", send_requested(message_id, to, content), "e", message_id)
    heard = Ear(sealer, Pseudonyms(keys))(asked)
    assert isinstance(heard, Heard)
    request = getattr(heard.what, "request", None)
    assert isinstance(request, Request)
    assert request.pseudonym == Pseudonyms(keys).of(ACCOUNT, "+4790000001", START)
