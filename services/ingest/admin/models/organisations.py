"""Organisations."""

from __future__ import annotations

from datetime import datetime

from services.ingest.admin.models.base import Body, View
from services.ingest.admin.models.words import Name, NewId


class NewOrganisation(Body):
    """A new organisation."""

    id: NewId
    name: Name


class OrganisationChange(Body):
    """Another name."""

    name: Name


class OrganisationView(View):
    """An organisation."""

    id: str
    name: str
    created_at: datetime | None


class Organisations(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    organisations: list[OrganisationView]
    cursor: str | None
