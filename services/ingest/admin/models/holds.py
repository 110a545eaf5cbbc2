"""Bodies of `/admin/holds`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.ingest.admin.models.base import Body, Page, View
from services.ingest.admin.models.words import Reason
from services.ingest.desk.rows import HoldState
from shared.contracts.holds import HoldRule


class HoldPage(Page):
    """The query of the list; each narrows."""

    state: Annotated[HoldState, Field(strict=False)] | None = None
    account: str | None = Field(None, max_length=64)


class Approval(Body):
    """A yes. With `remember_domains` the account may link to the hold's domains from now on."""

    remember_domains: bool = False
    reason: Reason | None = None


class Rejection(Body):
    """A no."""

    reason: Reason | None = None


class FindingView(View):
    """A rule that holds, and what it saw: domains, a month."""

    rule: HoldRule
    evidence: list[str]


class DecidedView(View):
    """Who decided: the id of the staff key and the name; and why, if that was said."""

    by: str
    name: str | None
    reason: str | None
    at: datetime
    approved_domains: list[str]


class MessagesView(View):
    """How many messages of the hold wait, were let go, were rejected, or expired or were cancelled as they waited."""

    waiting: int
    released: int
    rejected: int
    expired: int
    cancelled: int


class HoldView(View):
    """A hold."""

    id: str
    account: str
    state: HoldState
    findings: list[FindingView]
    opened_at: datetime
    messages: MessagesView
    decided: DecidedView | None


class SampleView(View):
    """A message that waits, without its recipient. `text` is null once it was erased."""

    id: str
    sender: Annotated[str, Field(serialization_alias="from")]
    text: str | None


class HoldWithSamples(HoldView):
    """A hold, and some of its messages to read."""

    samples: list[SampleView]


class Holds(View):
    """A page, the oldest first. `cursor` leads to the next one; null: this is the last."""

    holds: list[HoldView]
    cursor: str | None
