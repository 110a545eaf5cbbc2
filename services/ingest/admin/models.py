"""Bodies of `/admin`: strict on the way in (no unknown member, no conversion), plain on the way out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.ingest.accounts.keys import Scope
from services.ingest.accounts.staff import Role
from services.ingest.admin.problems import AdminFieldCode
from shared.contracts.words import AccountState, Lane
from shared.errors import Refused
from shared.ids import GATEWAY
from shared.text.links import parse_domain
from shared.text.senders import parse_sender

_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
MOST_RANGES: Final = 100
LONGEST_OVERLAP: Final = 30 * 86_400
DEFAULT_OVERLAP: Final = 86_400
MOST_ON_A_PAGE: Final = 200


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError(
            AdminFieldCode.WRONG_FORM, "must be one line of printable characters without blanks around it"
        )
    return text


def _sender(text: str) -> str:
    try:
        return parse_sender(text).value
    except Refused as refusal:
        raise PydanticCustomError(refusal.code, "{detail}", {"detail": refusal.detail}) from None


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except Refused as refusal:
        raise PydanticCustomError(refusal.code, "{detail}", {"detail": refusal.detail}) from None


def _not_ours(account_id: str) -> str:
    if account_id.lower() == GATEWAY:
        raise PydanticCustomError(AdminFieldCode.RESERVED, "this id is the gateway's own")
    return account_id


Id = Annotated[str, StringConstraints(pattern=_ID)]
NewId = Annotated[Id, AfterValidator(_not_ours)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
SenderName = Annotated[str, StringConstraints(min_length=1, max_length=32), AfterValidator(_sender)]
DomainName = Annotated[str, StringConstraints(min_length=1, max_length=253), AfterValidator(_domain)]
Senders = Annotated[list[SenderName], Field(max_length=200)]
Domains = Annotated[list[DomainName], Field(max_length=200)]
# Strict mode takes an enum's member only; from JSON come strings.
LaneWord = Annotated[Lane, Field(strict=False)]
ScopeWord = Annotated[Scope, Field(strict=False)]
RoleWord = Annotated[Role, Field(strict=False)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Body(BaseModel):
    """What comes in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


class View(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


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


class RangeBody(Body):
    """A range of addresses, both ends included; IPv4 or IPv6."""

    first: Annotated[str, Field(alias="from", max_length=64)]
    last: Annotated[str, Field(alias="to", max_length=64)]


class AccessBody(Body):
    """Where keys and passwords are good from; with `address_suffices` the addresses are a way in of their own."""

    ip_ranges: Annotated[list[RangeBody], Field(max_length=MOST_RANGES)]
    address_suffices: bool = False


class RangeView(View):
    """A range of addresses."""

    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]


class AccessView(View):
    """How the account gets in beside its keys. `password` tells whether it has one, `kafka` whether its own systems may
    come in that way.
    """

    ip_ranges: list[RangeView]
    address_suffices: bool
    password: bool
    kafka: bool


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


class PasswordView(View):
    """A new password, shown this once. `user` is the account's id."""

    user: str
    password: str


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


class NewKeyBody(Body):
    """A new key. With the scope `test` everything that it sends is a test."""

    name: Name
    scopes: Annotated[list[ScopeWord], Field(min_length=1, max_length=4)] = Field(
        default_factory=lambda: [Scope.SEND, Scope.READ]
    )


class Rotation(Body):
    """For how many seconds the old key stays good beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = DEFAULT_OVERLAP


class KeyView(View):
    """A key, without its secret. `last_used_on` is a day (UTC)."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: str | None


class NewKeyView(KeyView):
    """A new key. `key` is shown this once and kept nowhere."""

    key: str


class NewStaff(Body):
    """A personal key for somebody on our side."""

    name: Name
    role: RoleWord


class StaffView(View):
    """A person's key, without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class NewStaffView(StaffView):
    """A new personal key. `key` is shown this once and kept nowhere."""

    key: str


class AuditActorView(View):
    """Who did it."""

    key_id: str
    role: str
    name: str
    ip: str | None


class AuditView(View):
    """One change. `before` and `after` hold what differs, never a secret."""

    id: str
    at: datetime
    actor: AuditActorView
    action: str
    subject: str
    account: str | None
    organisation: str | None
    reason: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class Page(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=MOST_ON_A_PAGE)
    cursor: str | None = Field(None, max_length=200)


class AuditPage(Page):
    """The query of the audit record; each narrows."""

    account: str | None = Field(None, max_length=64)
    organisation: str | None = Field(None, max_length=64)
    actor: str | None = Field(None, max_length=64)


class Organisations(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    organisations: list[OrganisationView]
    cursor: str | None


class Accounts(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    accounts: list[AccountView]
    cursor: str | None


class Keys(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    keys: list[KeyView]
    cursor: str | None


class Staff(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    staff: list[StaffView]
    cursor: str | None


class Audit(View):
    """A page, newest first. `cursor` leads to older ones; null: this is the last."""

    entries: list[AuditView]
    cursor: str | None


class ErrorView(View):
    """One thing wrong with one field."""

    pointer: str
    code: str
    message: str


class ProblemView(View):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[ErrorView] = []
