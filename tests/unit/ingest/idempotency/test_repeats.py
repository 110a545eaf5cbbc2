from __future__ import annotations

from hypothesis import settings

from tests.unit.ingest.idempotency.machine import Repeats

TestRepeats = Repeats.TestCase
TestRepeats.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
