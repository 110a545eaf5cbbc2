"""Accounts: their limits, senders, links and hours, and what of them is suspended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.ingest.admin.models.access import AccessView
from services.ingest.admin.models.base import Body, View
from services.ingest.admin.models.words import Domains, Id, LaneWord, Name, NewId, Rate, Reason, SenderName, Senders
from shared.contracts.words import AccountState, Lane


class LimitsBody(Body):
    """The most that an account may ask for. A member that is absent stays as it is, null is the gateway's default."""

    messages_per_second: Rate | None = None
    messages_burst: Rate | None = None
    parts_per_second: Rate | None = None
    parts_burst: Rate | None = None
    messages_per_month: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None


class QuietHours(Body):
    """Marketing waits from one full hour to another, Norwegian time; the same hour twice is never."""

    first: Annotated[int, Field(alias="from", ge=0, le=23)]
    last: Annotated[int, Field(alias="to", ge=0, le=23)]


class NewAccount(Body):
    """A new account of an organisation."""

    id: NewId
    organisation: Id
    name: Name
    default_sender: SenderName | None = None
    senders: Senders = Field(default_factory=list)
    domains: Domains = Field(default_factory=list)
    quiet_hours: QuietHours = Field(default_factory=lambda: QuietHours(**{"from": 20, "to": 8}))
    limits: LimitsBody = LimitsBody()


class AccountChange(Body):
    """What is absent stays as it is; a default sender of null takes it away. Lists are given whole."""

    name: Name = Field(default_factory=str)
    default_sender: SenderName | None = None
    senders: Senders = Field(default_factory=list)
    domains: Domains = Field(default_factory=list)
    quiet_hours: QuietHours = Field(default_factory=lambda: QuietHours(**{"from": 20, "to": 8}))
    limits: LimitsBody = Field(default_factory=LimitsBody)


class What(Body):
    """What is suspended or resumed. Nothing named: the whole account."""

    lanes: Annotated[list[LaneWord], Field(max_length=3)] = Field(default_factory=list)
    senders: Annotated[list[SenderName], Field(max_length=100)] = Field(default_factory=list)
    premium: bool = False
    reason: Reason | None = None


class Closing(Body):
    """Why an account is closed."""

    reason: Reason | None = None


class LimitsView(View):
    """Limits; null is the gateway's default."""

    messages_per_second: int | None
    messages_burst: int | None
    parts_per_second: int | None
    parts_burst: int | None
    messages_per_month: int | None


class SuspendedView(View):
    """What is suspended while the state is `active`."""

    lanes: list[Lane]
    senders: list[str]
    premium: bool


class QuietHoursView(View):
    """Hours in which marketing waits."""

    first: Annotated[int, Field(alias="from")]
    last: Annotated[int, Field(alias="to")]


class AccountView(View):
    """An account. `senders` are those beside the default sender; `domains` are those that it may link to."""

    id: str
    organisation: str
    name: str
    state: AccountState
    suspended: SuspendedView
    default_sender: str | None
    senders: list[str]
    domains: list[str]
    quiet_hours: QuietHoursView
    limits: LimitsView
    access: AccessView
    version: int
    created_at: datetime | None
    changed_at: datetime | None


class Accounts(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    accounts: list[AccountView]
    cursor: str | None
