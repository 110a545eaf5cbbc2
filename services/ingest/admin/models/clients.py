"""Accounts' own systems on Kafka."""

from __future__ import annotations

from datetime import datetime

from services.ingest.admin.models.base import View


class ClientView(View):
    """How an account's own systems come in over Kafka: they publish on `requests`, are told on `events`, and read in
    groups whose names begin with `groups`. `bootstrap` is where they log in, by SCRAM-SHA-512 as `user`.
    """

    account: str
    user: str
    requests: str
    events: str
    groups: str
    bootstrap: str
    created_at: datetime
    password_at: datetime


class NewClientView(ClientView):
    """The same with a new password, shown this once; null when there is one already."""

    password: str | None


class Clients(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    clients: list[ClientView]
    cursor: str | None
