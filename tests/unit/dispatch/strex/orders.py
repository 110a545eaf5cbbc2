"""Premium orders as the role `strex` receives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import uuid_utils

from shared.contracts import topics
from shared.contracts.premium import (
    Consent,
    ConsentKind,
    PremiumKind,
    PremiumOrdered,
    PremiumTerms,
    TransactionId,
    reversal_id,
)
from shared.ids import AccountId
from shared.kafka.record import Received
from shared.privacy.sealing import Sealer
from shared.strex.agreements import Agreement
from tests.unit.dispatch.building import as_record

ACCOUNT = AccountId("acme")
NUMBER = "+4798079008"
PSEUDONYM = "2026:00112233445566778899aabbccddeeff"
TERMS = PremiumTerms(
    merchant_id="mer_test",
    short_number="2002",
    service_code="06002",
    price=4200,
    invoice_text="Bussbillett",
    business_model="STREX-PAYMENT",
)

AGREEMENT = Agreement(
    account=ACCOUNT, merchant_id="mer_test", short_numbers=("2002",), service_codes=("06002",), most=60_000
)


def transaction_id() -> TransactionId:
    return TransactionId(str(uuid_utils.uuid4()))


class Orders:
    """Writes orders, sealed under the account's key."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def order(self, kind: PremiumKind, *, number: str = NUMBER, **changes: Any) -> PremiumOrdered:
        """`content` and `code` are in the clear here; other changes replace fields."""
        now = changes.pop("now", datetime.now(UTC))
        name = changes.pop("transaction_id", None) or transaction_id()
        account = changes.get("account_id", ACCOUNT)
        seal = self._sealer.seal
        sealed = {"to": number, "content": changes.pop("content", None), "one_time_password": changes.pop("code", None)}
        fields: dict[str, Any] = {
            "transaction_id": name,
            "account_id": account,
            "kind": kind,
            "ordered_at": now,
            "terms": TERMS,
            "pseudonym": PSEUDONYM,
            "consent": Consent(kind=ConsentKind.DECLARED, at=now, reference="contract 7"),
            **{key: seal(account, name, key, text, now) for key, text in sealed.items() if text is not None},
        }
        return PremiumOrdered(**(fields | changes))

    def charge(self, **changes: Any) -> PremiumOrdered:
        return self.order(PremiumKind.CHARGE, **changes)

    def password(self, **changes: Any) -> PremiumOrdered:
        return self.order(PremiumKind.ONE_TIME_PASSWORD, consent=None, **changes)

    def reply(self, **changes: Any) -> PremiumOrdered:
        consent = Consent(kind=ConsentKind.INBOUND, at=datetime.now(UTC), reference="inbound-1")
        return self.order(
            PremiumKind.REPLY, **({"content": "Takk!", "consent": consent, "inbound_id": "inbound-1"} | changes)
        )


def reversal(charge: PremiumOrdered, **changes: Any) -> PremiumOrdered:
    """The order that gives a charge back."""
    fields = msgspec.structs.asdict(charge) | {
        "transaction_id": reversal_id(charge.transaction_id),
        "kind": PremiumKind.REVERSAL,
        "reversal_of": charge.transaction_id,
        "reason": "upheld_complaint",
        **dict.fromkeys(("to", "pseudonym", "content", "one_time_password", "consent"), None),
    }
    return PremiumOrdered(**(fields | changes))


def received(order: PremiumOrdered) -> Received[PremiumOrdered]:
    """The order as a record of its topic."""
    subject = order.transaction_id
    return Received(as_record(topics.PREMIUM_ORDERS, order, subject, f"{subject}:{order.kind}"), order)
