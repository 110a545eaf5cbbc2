"""Premium: what is charged to a subscriber's phone bill through Strex (v1).

Orders go to `premium.orders`, what became of them comes on `premium.events`; both are keyed by the transaction id,
and lie in the partition that `shared.ids.partition_of` gives for it. A reversal is a transaction of its own with the
id `-<id of the charge>`, so it lies in the same partition. Money is whole øre.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, NewType, get_args

import msgspec

from shared.contracts.events import Account, Actor, Event, Utc
from shared.privacy.sealing import Sealed

TransactionId = NewType("TransactionId", str)

Transaction = Annotated[TransactionId, msgspec.Meta(pattern=r"\A-?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
"""Ours, from the order to the bill. Derived from its cause (idempotency key, incoming message), so that a repeat of
the cause is the same transaction."""

ServiceCode = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{5}\Z")]
"""What kind of thing is sold, in Strex's list: five digits, text because of leading zeroes."""

Price = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]

Age = Literal[0, 16, 18]
"""The least ages that Strex knows of, 0 for none."""

AGES: Final = frozenset[int](get_args(Age))


class PremiumKind(StrEnum):
    """What a premium order asks for."""

    ONE_TIME_PASSWORD = "one_time_password"  # noqa: S105 - a word of the contract
    """Have Strex text a code to the user, who gives it back to the seller: consent to the charge of the same id."""
    CHARGE = "charge"
    """Charge, directly or with the code; `content`, if any, goes to the user as a receipt."""
    REPLY = "reply"
    """Send `content` to whoever sent the message that asked for it, charged."""
    REVERSAL = "reversal"
    """Give the whole price of `reversal_of` back."""


class ConsentKind(StrEnum):
    """How the user agreed (R-76)."""

    INBOUND = "inbound"
    """By a message to the short number; `reference` is its `inbound_id`."""
    ONE_TIME_PASSWORD = "one_time_password"  # noqa: S105
    """By giving the code back; `reference` is the transaction id."""
    DECLARED = "declared"
    """The seller keeps the proof, under `reference`."""


class PremiumStatus(StrEnum):
    """Where a transaction is: the words of Strex, and two of our own. It says how far things are; `billed` alone says
    whether money was moved.
    """

    QUEUED = "queued"
    SENT = "sent"
    """Strex is at it; `detail` may be `Pending`, when it waits for the user."""
    OK = "ok"
    FAILED = "failed"
    REVERSED = "reversed"
    REBILLED = "rebilled"
    """Failed at first, and billed later."""
    UNKNOWN = "unknown"
    """Strex was asked and the answer did not come: it may have the transaction, or may never have heard of it."""
    REFUSED = "refused"
    """Strex never took it: a rule of ours, or an answer that leaves no doubt; `detail` says which."""


SETTLED: Final = frozenset(
    {
        PremiumStatus.OK,
        PremiumStatus.FAILED,
        PremiumStatus.REVERSED,
        PremiumStatus.REBILLED,
        PremiumStatus.REFUSED,
    }
)
"""Nothing more is awaited, although `failed` may become `rebilled` (docs of Strex, status codes)."""


class Billed(StrEnum):
    """Whether money was moved. `unknown` is neither: it is carried as open, never taken for `false`."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Consent(Event, frozen=True, kw_only=True):
    """How and when the user agreed, and where the proof is."""

    kind: ConsentKind
    at: Utc
    reference: str | None = None


class PremiumTerms(Event, frozen=True, kw_only=True):
    """What is sold, by whom, for how much. `price` is what the user pays in øre; of a reversal, what they get back.

    `invoice_text` is shown to the user on Strex's own pages. `age` is the least age; with one that is not in `AGES`
    nothing is charged.
    """

    merchant_id: str
    short_number: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4,8}\Z")]
    service_code: ServiceCode
    price: Price
    invoice_text: str
    business_model: str | None = None
    age: int = 0


class PremiumOrdered(Event, frozen=True, kw_only=True):
    """Do this with this transaction. Ordered twice, it is done once.

    `to` and `content` are sealed under the account's key with the transaction id as subject, and the names of the
    fields; so is `one_time_password`, the code that the user gave. All but a reversal need `to` and `pseudonym`;
    a charge and a reply need `consent`; a reply needs `content`. A charge with a code repeats the terms that the code
    was asked for with, else it is refused.

    A reversal has the id `-<reversal_of>` and the terms of the charge.
    """

    transaction_id: Transaction
    account_id: Account
    kind: PremiumKind
    ordered_at: Utc
    terms: PremiumTerms
    to: Sealed | None = None
    pseudonym: str | None = None
    content: Sealed | None = None
    one_time_password: Sealed | None = None
    consent: Consent | None = None
    inbound_id: str | None = None
    keyword: str | None = None
    reversal_of: Transaction | None = None
    reason: str | None = None
    reference: str | None = None
    actor: Actor | None = None


class PremiumChanged(Event, frozen=True, kw_only=True):
    """A charge, a charged reply or a reversal moved; made by `dispatch.strex` alone.

    `sequence` counts the changes of this transaction from 1: a reader that has a higher one drops this event. What it
    says is the whole of what is known, so the last one is all one needs; after a crash one before it may be left out.
    The event's id is `<id>:<sequence>`.

    `price` is in øre, and negative for a reversal. `detail` is Strex's DetailedStatusCode, or a code of ours when
    `status` is `refused`. `created_at` and `modified_at` are Strex's own times, absent until it told them; `at` is
    when we learned of the change.
    """

    transaction_id: Transaction
    account_id: Account
    kind: PremiumKind
    merchant_id: str
    short_number: str
    service_code: ServiceCode
    price: int
    billed: Billed
    status: PremiumStatus
    sequence: int
    at: Utc
    ordered_at: Utc
    detail: str | None = None
    reversal_of: Transaction | None = None
    pseudonym: str | None = None
    business_model: str | None = None
    invoice_text: str | None = None
    consent: Consent | None = None
    inbound_id: str | None = None
    keyword: str | None = None
    reason: str | None = None
    reference: str | None = None
    delivered: bool | None = None
    operator: str | None = None
    result_code: str | None = None
    created_at: Utc | None = None
    modified_at: Utc | None = None


class OneTimePasswordChanged(Event, frozen=True, kw_only=True):
    """What became of asking Strex to text a code; it moves no money. `status` is `ok`, `refused` or `unknown`.

    The event's id is `<id>:one_time_password:<sequence>`.
    """

    transaction_id: Transaction
    account_id: Account
    status: PremiumStatus
    sequence: int
    at: Utc
    detail: str | None = None
    reference: str | None = None


def reversal_id(charge: TransactionId) -> TransactionId:
    """The id of the reversal of a charge, as Strex makes it."""
    return TransactionId(f"-{charge}")


_LEAST_PRICE: Final = 100
_HIGH_PRICE: Final = 100_000
_LOW_PRICE: Final = 50_000
_LOW_CATEGORIES: Final = frozenset({"01", "02", "03", "04"})
_LOW_CODES: Final = frozenset({"16008"})


_LAST_CODES: Final = {
    "01": 1,
    "02": 4,
    "03": 12,
    "04": 3,
    "05": 10,
    "06": 9,
    "07": 3,
    "08": 2,
    "09": 3,
    "10": 2,
    "11": 1,
    "12": 1,
    "13": 8,
    "14": 4,
    "15": 3,
    "16": 8,
}
"""By category, the first two digits: the last of its codes, which are numbered from 000."""


def can_be_charged(service_code: str) -> bool:
    """Whether it is in Strex's list of service codes. 89001 is not: it is for messages that cost nothing."""
    return int(service_code[2:]) <= _LAST_CODES.get(service_code[:2], -1)


def price_range(service_code: str) -> tuple[int, int]:
    """Least and most that one charge of a service may cost, in øre (Strex's list of service codes)."""
    low = service_code[:2] in _LOW_CATEGORIES or service_code in _LOW_CODES
    return _LEAST_PRICE, _LOW_PRICE if low else _HIGH_PRICE
