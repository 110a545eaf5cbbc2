"""The door's own calls of premium, for the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.ingest.api.premium import CHARGES, PASSWORDS, Ordered
from services.ingest.api.premium_drafting import ChargeBody, PasswordBody
from services.ingest.api.problems import Code
from shared.contracts.openapi.pieces import Json, given, taken
from shared.contracts.premium import PremiumKind, TransactionId

SCHEMAS: Final = (PasswordBody, ChargeBody, Ordered)
REFUSALS: Final = (
    Code.IDEMPOTENCY_KEY_REUSED,
    Code.RATE_LIMITED,
    Code.ACCOUNT_SUSPENDED,
    Code.SENDER_SUSPENDED,
    Code.PREMIUM_SUSPENDED,
    Code.PREMIUM_NOT_AGREED,
)

_ID: Final = TransactionId("4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004")
_NUMBER: Final = "+4799999999"
_TERMS: Final[Mapping[str, Any]] = {
    "to": _NUMBER,
    "price": 4200,
    "service_code": "06002",
    "invoice_text": "Bussbillett, voksen",
}
PASSWORD: Final = {"one": {"summary": "Ask for a code", "value": {**_TERMS, "text": "Koden for bussbilletten:"}}}
CHARGE: Final = {
    "code": {"summary": "With the code", "value": {**_TERMS, "id": _ID, "one_time_password": "1234"}},
    "consent": {
        "summary": "With a consent of your own, and an `Idempotency-Key`",
        "value": {**_TERMS, "consent_ref": "avtale 7781"},
    },
}


def premium_paths(shell: Callable[[str, str, Json, Json], Json]) -> Json:
    """The paths. `shell` makes a call of its id, its summary, its body and its answer."""
    return {
        PASSWORDS: {
            "post": shell(
                "askForOneTimePassword",
                "Have a code texted to the user, who agrees to a charge by giving it to you",
                taken(PasswordBody, PASSWORD),
                _ordered("The code is being sent; it is good for five minutes.", PremiumKind.ONE_TIME_PASSWORD),
            )
        },
        CHARGES: {
            "post": shell(
                "charge",
                "Charge the user's phone bill once",
                taken(ChargeBody, CHARGE),
                _ordered(
                    "The charge is ordered: ask `/v1/premium/transactions/{id}` whether it is billed.",
                    PremiumKind.CHARGE,
                ),
            )
        },
    }


def _ordered(description: str, kind: PremiumKind) -> Json:
    return given(description, Ordered, Ordered(_ID, _NUMBER, kind, 4200))
