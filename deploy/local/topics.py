"""The catalogue of a run's topics."""

from __future__ import annotations

from deploy.local import operators
from deploy.local.settings import LocalSettings
from deploy.topics.catalogue import Catalogue
from shared.contracts.topics import LOCAL


def catalogue(settings: LocalSettings) -> Catalogue:
    """Every topic of a run on one machine, with the operators that its services were told of (`write_operators`).

    Raises `BadSettings` where nothing has run yet.
    """
    return Catalogue(operators.names(settings.operators), LOCAL)
