"""The role `privacy`: its parts put together."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.privacy.stores import stores
from services.ingest.settings import PrivacySettings
from shared.lifecycle import Component
from shared.privacy.participant import build_participant
from shared.service import Context
from shared.settings import load


def build_privacy(context: Context) -> Sequence[Component]:
    """Components of the role, in the order of their start."""
    return build_participant(context, "ingest", load(PrivacySettings), stores(context.clock))
