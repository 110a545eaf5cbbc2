"""A purchase on the phone bill through the simulated Strex, with a one-time password, and its refund."""

from __future__ import annotations

import re
import secrets
from typing import Any

from deploy.local.terminal import Terminal
from deploy.local.tour.gateway import Gateway, until
from shared.errors import Fatal
from shared.money.amounts import Ore, crowns

_SECONDS = 60.0
_PRICE = Ore(1000)


def show(gateway: Gateway, terminal: Terminal) -> None:
    """Ask for the password, charge, wait for the money, give it back, and show that the books sum to zero."""
    number = f"+47900{secrets.randbelow(90_000) + 10_000}"
    purchase = {"to": number, "price": _PRICE, "service_code": "14002", "invoice_text": "Budstikke demo"}
    password = gateway.customer("POST", "/v1/premium/one-time-passwords", purchase)
    code = until(lambda: _code(gateway, number), _SECONDS, "the one-time password on the handset")
    terminal.done("one-time password", "sent to the handset of the simulated subscriber")

    charge = gateway.customer(
        "POST", "/v1/premium/charges", purchase | {"id": password["id"], "one_time_password": code}
    )
    until(lambda: _standing(gateway, charge["id"], "billed"), _SECONDS, "the charge")
    terminal.done("charged", f"kr {crowns(_PRICE)} on the phone bill, transaction {charge['id']}")

    gateway.customer("POST", "/v1/premium/refunds", {"transaction_id": charge["id"], "reason": "upheld_complaint"})
    found = until(lambda: _standing(gateway, charge["id"], "reversed"), _SECONDS, "the reversal")
    terminal.done("refunded", "order, reversal at Strex, counter-entries in the books")
    balances: dict[str, int] = {}
    for entry in found["entries"]:
        for line in entry["lines"]:
            balances[line["account"]] = balances.get(line["account"], 0) + line["ore"]
    if sum(balances.values()):
        raise Fatal("demo_failed", f"the entries of transaction {charge['id']} do not sum to zero")
    terminal.done("books", ", ".join(f"{account} {crowns(Ore(ore))}" for account, ore in balances.items()))


def _code(gateway: Gateway, number: str) -> str | None:
    for text in gateway.texts_of_strex():
        if text["recipient"] == number and (code := re.search(r"\b\d{4,8}\b", text["content"])):
            return code.group()
    return None


def _standing(gateway: Gateway, transaction_id: str, standing: str) -> Any:
    for found in gateway.customer("GET", "/v1/premium/transactions?limit=20")["transactions"]:
        if found["id"] == transaction_id and found["standing"] == standing:
            return gateway.customer("GET", f"/v1/premium/transactions/{transaction_id}")
    return None
