from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.contracts.premium import PremiumTerms
from shared.errors import BadSettings
from shared.ids import AccountId
from shared.strex.agreements import load

GOOD = """
agreements:
  - account: acme
    merchant_id: mer_bus
    short_numbers: ["2002", "2003"]
    service_codes: ["06002"]
    most: 20000
  - account: acme
    merchant_id: mer_gifts
    short_numbers: ["2090"]
    service_codes: ["14002"]
"""
ACME, OTHER = AccountId("acme"), AccountId("other")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agreements.yaml"


def test_an_agreement_is_found_by_service_and_short_number(file: Path) -> None:
    file.write_text(GOOD)
    agreements = load(file)
    found = agreements.find(ACME, "06002", None, 4200)
    assert found is not None
    assert (found.merchant_id, found.short_numbers[0], found.prices("06002")) == ("mer_bus", "2002", (100, 20_000))
    gifts = agreements.find(ACME, "14002", "2090", 4200)
    assert gifts is not None
    assert gifts.prices("14002") == (100, 100_000)


@pytest.mark.parametrize(
    ("account", "service", "number"),
    [(OTHER, "06002", None), (ACME, "04002", None), (ACME, "06002", "2090"), (ACME, "14002", "2002")],
)
def test_what_is_not_agreed_is_not_found(file: Path, account: AccountId, service: str, number: str | None) -> None:
    file.write_text(GOOD)
    assert load(file).find(account, service, number, 4200) is None


@pytest.mark.parametrize(
    ("price", "merchant"), [(4200, "mer_bus"), (4250, "mer_gifts"), (30_050, "mer_gifts"), (90_000, "mer_bus")]
)
def test_of_two_agreements_for_a_service_the_first_that_takes_the_price_is_found(
    file: Path, price: int, merchant: str
) -> None:
    whole = GOOD.replace("most: 20000", "most: 20000\n    whole_crowns: true")
    file.write_text(whole.replace('service_codes: ["14002"]', 'service_codes: ["06002"]\n    most: 40000'))
    found = load(file).find(ACME, "06002", None, price)
    assert found is not None
    assert found.merchant_id == merchant


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"business_model": None}, True),
        ({"business_model": "STREX-PAYMENT-EXTENDED-LIMIT"}, False),
        ({"merchant_id": "mer_gifts"}, False),
        ({"price": 20_001}, False),
        ({"age": 16}, True),
        ({"age": 18}, True),
        ({"age": 15}, False),
        ({"age": 17}, False),
        ({"age": 21}, False),
    ],
)
def test_an_agreement_covers_what_it_names_and_no_other_business_model(
    file: Path, changes: dict[str, Any], covered: bool
) -> None:
    file.write_text(GOOD.replace("most: 20000", "most: 20000\n    business_model: STREX-PAYMENT"))
    terms = PremiumTerms(
        merchant_id="mer_bus",
        short_number="2002",
        service_code="06002",
        price=20_000,
        invoice_text="Bussbillett",
        business_model="STREX-PAYMENT",
    )
    assert load(file).cover(ACME, msgspec.structs.replace(terms, **changes)) is covered


@pytest.mark.parametrize(
    ("whole", "price", "covered"), [("true", 4250, False), ("true", 4200, True), ("false", 4250, True)]
)
def test_an_agreement_may_ask_for_whole_crowns(file: Path, whole: str, price: int, covered: bool) -> None:
    file.write_text(GOOD.replace("most: 20000", f"most: 20000\n    whole_crowns: {whole}"))
    terms = PremiumTerms(
        merchant_id="mer_bus", short_number="2003", service_code="06002", price=price, invoice_text="Bussbillett"
    )
    assert load(file).cover(ACME, terms) is covered


def test_without_a_file_nobody_may_charge() -> None:
    assert load(None).find(ACME, "06002", None, 4200) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agreements: [", "is not YAML"),
        ("{}", "agreements"),
        (GOOD.replace("06002", "6002"), "service_codes"),
        (GOOD.replace("06002", "89001"), "service_codes: 89001"),
        (GOOD.replace("06002", "99999"), "service_codes: 99999"),
        (GOOD.replace("06002", "06010"), "service_codes: 06010"),
        (GOOD.replace("06002", "00000"), "service_codes: 00000"),
        (GOOD.replace('"2002", "2003"', ""), "short_numbers"),
        (GOOD.replace("most: 20000", "most: 200000"), "most"),
        (GOOD.replace("merchant_id: mer_bus", "merchant: mer_bus"), "merchant"),
    ],
)
def test_a_bad_file_is_refused_whole_and_the_place_is_named(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(BadSettings, match="BUDSTIKKE_PREMIUM_AGREEMENTS") as raised:
        load(file)
    assert says in str(raised.value)


def test_a_file_that_is_not_there_is_a_bad_setting(file: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        load(file)
