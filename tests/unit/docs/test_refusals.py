"""The pages on refusals leave none of the closed lists' entries out."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from deploy.k8s.checks.dockerfile import FAULTS as IMAGE_FAULTS
from deploy.k8s.checks.faults import FAULTS
from docs.generate import FOLDER
from services.billing.api.problems import FIELDS as BOOK_FIELDS
from services.billing.api.problems import KINDS as BOOK_KINDS
from services.billing.premium.api.problems import KINDS as PREMIUM_KINDS
from services.billing.premium.payout import Held
from services.billing.premium.reconciling import Difference
from services.billing.premium.refund import RefusalCode
from services.dispatch.strex.row import NOT_TAKEN
from services.dispatch.strex.rules import Refusal
from services.dlr.inbound.api.problems import FIELDS as INBOUND_FIELDS
from services.dlr.inbound.api.problems import KINDS as INBOUND_KINDS
from services.ingest.accounts.addresses import AddressCode
from services.ingest.api.premium_document import REFUSALS
from services.ingest.desk.decisions import HoldCode
from services.retention.api.problems import FIELDS as RETENTION_FIELDS
from services.retention.api.problems import KINDS as RETENTION_KINDS
from shared.contracts.codes import Reason
from shared.contracts.holds import DelayRule, HoldRule
from shared.privacy.proof import Outcome
from shared.text.codes import NumberCode, SenderCode, TextCode
from tests.unit.dispatch.strex.test_row import DETAILED

AFTER_SCREENING = {
    *(Reason.NO_SUCH_NUMBER, Reason.HANDSET_UNREACHABLE, Reason.BARRED, Reason.OUTCOME_UNKNOWN, Reason.NO_ROUTE),
    *(reason for reason in Reason if reason.startswith("operator_")),
}
"""Reasons of messages that screening let pass."""


@pytest.mark.parametrize(
    ("page", "codes"),
    [
        ("screening", [*TextCode, *NumberCode, *SenderCode, *AddressCode]),
        ("screening", [*HoldRule, *DelayRule, *HoldCode, *(set(Reason) - AFTER_SCREENING)]),
        ("screening", [*INBOUND_KINDS, *INBOUND_FIELDS]),
        ("invoices", [*BOOK_KINDS, *BOOK_FIELDS]),
        ("premium", [*REFUSALS, *Refusal, NOT_TAKEN, *DETAILED]),
        ("premium", [*PREMIUM_KINDS, *RefusalCode, *Difference, *Held]),
        ("privacy", [*RETENTION_KINDS, *RETENTION_FIELDS, *Outcome]),
    ],
)
def test_every_code_is_on_its_page(page: str, codes: Iterable[str]) -> None:
    named = set(re.findall(r"`(\w+)`", (FOLDER / "refusals" / f"{page}.md").read_text()))
    assert {str(code) for code in codes} - named == set()


def test_every_planted_fault_is_on_the_page_of_manifests() -> None:
    page = (FOLDER / "refusals/manifests.md").read_text()
    assert [what for what in (*(fault.what for fault in FAULTS), *IMAGE_FAULTS) if what not in page] == []


def test_every_requirement_of_the_simulated_strex_that_refuses_something_is_named() -> None:
    """By number, as premium-strex §8 has them; the third is what any client may send, and nothing is refused by it."""
    page = (FOLDER / "refusals/premium.md").read_text()
    items = (1, 2, 4, 5, 6, 7, 8, 11, 12, 15, 18, 19)
    assert {str(item) for item in items} - set(re.findall(r"§8\.(\d+)", page)) == set()
