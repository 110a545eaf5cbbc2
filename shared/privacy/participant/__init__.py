"""How the owner of personal data obeys the orders of retention: the same in every service."""

from shared.privacy.participant.role import ParticipantSettings, build_participant
from shared.privacy.participant.store import Batch, Matching, Store

__all__ = ["Batch", "Matching", "ParticipantSettings", "Store", "build_participant"]
