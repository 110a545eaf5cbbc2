"""What is taken and shown. A number is taken and never shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from services.retention.hold import LegalHold, Reason
from services.retention.order import SERVICES, Order, OrderState
from services.retention.policy import DEFAULT_MONTHS, LEAST_MONTHS, MOST_MONTHS, Policy
from shared.contracts.events import Account
from shared.contracts.privacy import Basis, OrderKind
from shared.privacy.proof import ProofRecord

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Number = Annotated[str, msgspec.Meta(min_length=1, max_length=30)]


class PolicyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A period in months; above the default with a reason."""

    months: Annotated[int, msgspec.Meta(extra_json_schema={"minimum": LEAST_MONTHS, "maximum": MOST_MONTHS})]
    reason: Text | None = None


class PolicyView(msgspec.Struct, frozen=True):
    """A period; `set_at` is null while it is the default. What is older than `deletes_before` goes in the night that
    comes.
    """

    account: str
    months: int
    default_months: int
    reason: str | None
    set_at: datetime | None
    deletes_before: datetime


class RequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Erase the person with this number."""

    number: Number


class ErasureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same, by a person of ours, of an account."""

    account: Account
    number: Number
    basis: Basis = Basis.INSTRUCTION


class HoldBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A legal hold on an account, or with `number` on one person of it."""

    account: Account
    reason: Reason
    number: Number | None = None


class HoldView(msgspec.Struct, frozen=True):
    """A hold. `person`: it is on one person and not on the account."""

    id: str
    account: str
    reason: Reason
    person: bool
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None


class OrderView(msgspec.Struct, frozen=True):
    """An order. `counts`: deleted and held by service and store; `waits_for`: services that have not finished.

    `refused_in_part`: a legal hold keeps some or all of it, for a reason of the classes in `refused_because`; one may
    complain to the authority. `proof` is the hash of its newest record: whoever keeps it can tell that the proof was
    not cut off or made anew.
    """

    id: str
    account: str
    kind: OrderKind
    basis: Basis
    state: OrderState
    ordered_at: datetime
    finished_at: datetime | None
    waits_for: tuple[str, ...]
    counts: Mapping[str, Mapping[str, tuple[int, int]]]
    refused_in_part: bool
    refused_because: tuple[Reason, ...] = ()
    proof: str | None = None


class PoliciesView(msgspec.Struct, frozen=True):
    """Periods that were set."""

    policies: Sequence[PolicyView]


class HoldsView(msgspec.Struct, frozen=True):
    """Legal holds."""

    holds: Sequence[HoldView]


class OrdersView(msgspec.Struct, frozen=True):
    """Orders, the newest first."""

    orders: Sequence[OrderView]


class ProofView(msgspec.Struct, frozen=True):
    """Records of the proof, in their order."""

    records: Sequence[ProofRecord]


def policy_view(policy: Policy, deletes_before: datetime) -> PolicyView:
    """As it is shown."""
    return PolicyView(policy.account_id, policy.months, DEFAULT_MONTHS, policy.reason, policy.set_at, deletes_before)


def hold_view(hold: LegalHold) -> HoldView:
    """As it is shown."""
    return HoldView(
        hold.hold_id,
        hold.account_id,
        hold.reason,
        hold.person,
        hold.opened_at,
        hold.opened_by,
        hold.closed_at,
    )


def order_view(order: Order, holds: Iterable[LegalHold] = ()) -> OrderView:
    """As it is shown; `holds` are those that stand."""
    done = {name for name, answer in order.answers.items() if answer.complete}
    withheld = order.state is OrderState.WITHHELD
    kept = order.event if withheld else None
    because = set() if kept is None else {hold.reason for hold in holds if hold.stops(kept)}
    return OrderView(
        id=order.order_id,
        account=order.account_id,
        kind=order.kind,
        basis=order.basis,
        state=order.state,
        ordered_at=order.ordered_at,
        finished_at=order.finished_at,
        waits_for=() if withheld else tuple(name for name in SERVICES if name not in done),
        counts={name: answer.counts for name, answer in sorted(order.answers.items())},
        refused_in_part=withheld,
        refused_because=tuple(sorted(because)),
        proof=order.proof,
    )
