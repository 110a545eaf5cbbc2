"""What topics are called. Who takes part in each, and what lies there, says the catalogue."""

from __future__ import annotations

from shared.contracts.words import Lane
from shared.ids import AccountId

TEST_OPERATOR = "test"
"""The operator that is built in. Test messages go to it and to no other, and nothing else does."""

RETURNS = "dispatch.returns"
LINKS = "dispatch.links"
FACTS = "sms.facts"
RECEIPTS = "sms.receipts"
EVENTS = "sms.events"
HOLDS = "sms.holds"
SCHEDULED = "sms.scheduled"
INBOUND = "sms.inbound"
INBOUND_EVENTS = "dlr.inbound-events"
COUNTS = "sms.counts"
SIGNALS = "abuse.signals"
SIGNAL_WINDOWS = "ingest.signals-windows-changelog"
"""The changelog of a table of Faust, which makes its name: group, table, `changelog`."""
ACCOUNTS = "config.accounts"
OPT_OUTS = "config.opt-outs"
PREMIUM_ORDERS = "premium.orders"
PREMIUM_EVENTS = "premium.events"
USAGE = "billing.usage"
INVOICES = "billing.invoices"
SETTLEMENTS = "billing.settlements"
PAYOUTS = "billing.payouts"
REFUNDS = "billing.refunds"
PRIVACY_ORDERS = "privacy.orders"
PRIVACY_RECEIPTS = "privacy.receipts"


def requests(lane: Lane) -> str:
    """Messages that a door took over."""
    return f"sms.requests.{lane}"


def accepted(lane: Lane) -> str:
    """Messages that screening let pass."""
    return f"sms.accepted.{lane}"


def dispatch(operator: str, lane: Lane) -> str:
    """Messages ordered to an operator."""
    return f"{_DISPATCH}{operator}.{lane}"


def operator_of(topic: str) -> str:
    """The operator of such a topic."""
    return topic.removeprefix(_DISPATCH).rpartition(".")[0]


_DISPATCH = "sms.dispatch."


def client_requests(account_id: AccountId) -> str:
    """What the account's own systems ask to be sent: bodies of `POST /v1/messages`."""
    return f"clients.{account_id}.requests"


def client_events(account_id: AccountId) -> str:
    """What the account's own systems are told: statuses as in a webhook, and refused requests."""
    return f"clients.{account_id}.events"


def client_user(account_id: AccountId) -> str:
    """The broker's user of the account's own systems; also what the names of their groups begin with."""
    return f"client-{account_id}"


def dead_letters(topic: str) -> str:
    """Where records of a topic go that no attempt will ever handle."""
    return f"{topic}.dlq"


def retry(topic: str, tier: str) -> str:
    """Where records of a topic wait for a tier's delay, such as `5m`, before the same consumer gets them again."""
    return f"{topic}.retry.{tier}"
