"""The stages on a cluster in memory."""

from __future__ import annotations

from tests.unit.kafka.behaviour_at_least_once import AtLeastOnceBehaviour
from tests.unit.kafka.behaviour_chosen import ChosenBehaviour
from tests.unit.kafka.behaviour_retries import RetriesBehaviour
from tests.unit.kafka.behaviour_transactional import TransactionalBehaviour
from tests.unit.kafka.behaviour_whole import WholeBehaviour


class TestTransactionalInMemory(TransactionalBehaviour):
    """All of it."""


class TestAtLeastOnceInMemory(AtLeastOnceBehaviour):
    """All of it."""


class TestRetriesInMemory(RetriesBehaviour):
    """All of it."""


class TestWholeInMemory(WholeBehaviour):
    """All of it."""


class TestChosenInMemory(ChosenBehaviour):
    """All of it."""
