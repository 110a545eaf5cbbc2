"""The catalogue's topics on the broker of a run."""

from __future__ import annotations

from deploy.local.plan import OPERATORS
from deploy.topics.catalogue import Catalogue
from shared.contracts.topics import LOCAL
from shared.kafka.topics import TopicSpec

CATALOGUE = Catalogue(tuple(operator.name for operator in OPERATORS), LOCAL)


def local_specs() -> tuple[TopicSpec, ...]:
    """Every topic of a run on one machine."""
    return CATALOGUE.specs


def create_missing(bootstrap: str) -> frozenset[str]:
    """Create what is missing; the names of the new ones."""
    return CATALOGUE.create(bootstrap)
