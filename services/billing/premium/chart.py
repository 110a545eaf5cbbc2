"""The accounts of the premium ledger. Amounts are whole øre; plus is debit, minus is credit."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class LedgerAccount(StrEnum):
    """Where an amount stands. `ledger account` in full, for an account is a customer everywhere else."""

    STREX = "strex.receivable"
    OPERATORS = "operators.share"
    FEE = "gateway.fee"
    MERCHANT = "merchant.payable"
    VAT = "vat.output"
    BANK = "bank"
    DIFFERENCE = "settlement.difference"


MEANINGS: Final[Mapping[LedgerAccount, str]] = {
    LedgerAccount.STREX: "What users were charged, and Strex has not settled with us yet. Debit.",
    LedgerAccount.OPERATORS: "What Strex and the operators keep of it; cleared when they settle. Credit.",
    LedgerAccount.FEE: "Our share, without VAT. Credit.",
    LedgerAccount.MERCHANT: "What we owe the company that sold the service. Credit; a debit is set off later.",
    LedgerAccount.VAT: "VAT on our share, by the sum of each statement. Credit.",
    LedgerAccount.BANK: "Received from Strex (debit), paid to merchants (credit).",
    LedgerAccount.DIFFERENCE: "What Strex paid more (credit) or less (debit) than we expected; for a person.",
}
"""What a finance clerk reads beside a line."""
