"""The stages on a real broker."""

from __future__ import annotations

from tests.unit.kafka.behaviour_at_least_once import AtLeastOnceBehaviour
from tests.unit.kafka.behaviour_chosen import ChosenBehaviour
from tests.unit.kafka.behaviour_retries import RetriesBehaviour
from tests.unit.kafka.behaviour_transactional import TransactionalBehaviour
from tests.unit.kafka.behaviour_whole import WholeBehaviour


class TestTransactionalOnBroker(TransactionalBehaviour):
    """All of it."""


class TestAtLeastOnceOnBroker(AtLeastOnceBehaviour):
    """All of it."""


class TestRetriesOnBroker(RetriesBehaviour):
    """All of it."""


class TestWholeOnBroker(WholeBehaviour):
    """All of it."""


class TestChosenOnBroker(ChosenBehaviour):
    """All of it."""
