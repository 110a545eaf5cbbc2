"""The document under the schemas of UBL 2.1 and the complete rules of EN 16931 and Peppol."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import mockeinvoice
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from peppol.xsd import validate_xsd

from services.billing.invoicing.document import Invoice
from services.billing.invoicing.drafting import Line
from services.billing.invoicing.ehf import ehf, plain
from services.billing.invoicing.kid import is_kid, kid_of
from services.billing.invoicing.parties import Address, Customer, faults_of
from services.billing.pricing.book import VatRate
from shared.contracts.billing import LineKind
from shared.money.amounts import line_total
from tests.unit.billing.invoices import CUSTOMER, NOVEMBER, VAT, booking, drafted, gateway, invoice


def findings(document: bytes) -> list[str]:
    """Everything that anybody finds, warnings too."""
    _, report = mockeinvoice.validate(document)
    valid, errors = validate_xsd(document)
    assert report.verdict == ("valid" if not report.failures else "invalid")
    return [*(finding.code for finding in report.findings), *([] if valid else errors)]


def verified() -> Invoice:
    """2,000 at 0.51, 1,234 at 0.35 and a subscription of 369: the sums are known from elsewhere."""
    return invoice(drafted([booking(3234)], customer=gateway(date(2026, 10, 1))), customer=gateway(date(2026, 10, 1)))


def test_the_verified_example_has_its_sums_to_the_ore() -> None:
    lines = [(line.quantity, str(line.unit_price), line.net) for line in verified().lines]
    assert lines == [(2000, "0.51", 102000), (1234, "0.35", 43190), (1, "369", 36900)]
    assert msgspec.structs.astuple(verified().amounts) == (182090, 45523, 227613)


def test_the_verified_example_passes_every_check_without_a_warning() -> None:
    document = ehf(verified())
    assert findings(document) == []
    assert b"1820.90" in document
    assert b"455.23" in document
    assert b"2276.13" in document


def test_the_same_invoice_gives_the_same_octets() -> None:
    assert ehf(verified()) == ehf(msgspec.convert(msgspec.to_builtins(verified()), Invoice))


def test_a_price_keeps_its_decimals_and_an_amount_has_two() -> None:
    document = ehf(invoice(drafted([booking(3, row="abroad")])))
    assert findings(document) == []
    assert b">0.4275<" in document
    assert b">1.28<" in document


CUSTOMERS: list[Customer] = [
    CUSTOMER,
    msgspec.structs.replace(CUSTOMER, vat_registered=False),
    msgspec.structs.replace(CUSTOMER, gln="7080000000005"),
    msgspec.structs.replace(CUSTOMER, reference="Bestilling <4711> & sønner", payment_days=0),
]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_every_kind_of_customer_passes(customer: Customer) -> None:
    assert findings(ehf(invoice(drafted([booking(1)]), customer=customer))) == []


TEXTS = st.text(min_size=1, max_size=8) | st.sampled_from(
    [" ", "  \t", "\u00a0", "Å & <b>", "\ufffe", "a\nb", "a\u2028b", "1\u202f2"]
)
RECORDS = st.builds(
    Customer,
    customer_id=st.just("nordvik"),
    name=TEXTS,
    organisation_number=st.sampled_from(["984066910", "984066911"]),
    address=st.builds(Address, street=TEXTS, postal_code=st.just("9008"), city=TEXTS),
    plan=st.just("example"),
    accounts=st.just(CUSTOMER.accounts),
    vat_registered=st.booleans(),
    gln=st.none()
    | st.sampled_from(["7080000000005", "100000-000007", "100000 000007", "７080000000005", " 708000000000"])
    | st.text("0123456789 -", min_size=13, max_size=13),
    reference=st.none() | TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
@example(msgspec.structs.replace(CUSTOMER, gln="100000-000007"))
@example(msgspec.structs.replace(CUSTOMER, name=" "))
@example(msgspec.structs.replace(CUSTOMER, reference=" "))
@example(msgspec.structs.replace(CUSTOMER, name="Nordvik\u00a0kommune", reference="1\u202f234\u2009kr"))
@example(msgspec.structs.replace(CUSTOMER, address=Address(" ", "9008", "Tromsø")))
def test_a_record_that_is_kept_makes_documents_that_pass(customer: Customer) -> None:
    if not list(faults_of(customer)):
        assert findings(ehf(invoice(drafted([booking(1)]), customer=customer))) == []


def test_months_before_and_after_the_period_pass() -> None:
    late = booking(5, day="2026-09-30")
    customer = gateway(date(2026, 11, 15))
    document = ehf(invoice(drafted([booking(7), late], customer=customer), customer=customer))
    assert findings(document) == []


def test_late_usage_from_before_a_change_of_the_rate_is_a_sum_of_its_own() -> None:
    rates = (*VAT, VatRate(date(2026, 11, 1), Decimal(26), "example"))
    document = ehf(invoice(drafted([booking(100), booking(10, day="2026-10-31")], vat=rates)))
    assert findings(document) == []
    sums = [element.text for element in _texts(etree.fromstring(document), "TaxAmount")]
    assert sums == ["14.54", "13.26", "1.28"], "26 % of 51.00, and 25 % of 5.10"


def _lines() -> st.SearchStrategy[list[Line]]:
    def line(quantity: int, price: Decimal, rate: Decimal) -> Line:
        return Line(
            kind=LineKind.USAGE,
            text="SMS",
            quantity=quantity,
            unit_price=price,
            net=line_total(quantity, price),
            month=NOVEMBER,
            vat_rate=rate,
        )

    prices = st.decimals("0", "1000", places=4)
    rates = st.sampled_from([Decimal(25), Decimal(26), Decimal("11.11")])
    return st.lists(st.builds(line, st.integers(1, 10_000_000), prices, rates), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(_lines())
def test_whatever_the_lines_every_rule_of_calculation_holds(lines: list[Line]) -> None:
    document = ehf(invoice(lines))
    assert findings(document) == unseen(document) == []


def _changed(document: bytes, change: Callable[[etree._Element], None]) -> bytes:
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root)


def _texts(root: etree._Element, name: str) -> list[etree._Element]:
    return [element for element in root.iter() if etree.QName(element).localname == name]


def _bad_seller(root: etree._Element) -> None:
    for element in _texts(root, "AccountingSupplierParty")[0].iter():
        if element.text and "915624634" in element.text:
            element.text = element.text.replace("915624634", "991825828")


def _no_reference(root: etree._Element) -> None:
    root.remove(_texts(root, "BuyerReference")[0])


def _old_endpoint(root: etree._Element) -> None:
    for element in _texts(root, "EndpointID"):
        element.set("schemeID", "9908")


def _self_billed(root: etree._Element) -> None:
    _texts(root, "InvoiceTypeCode")[0].text = "389"


def _one_ore_off(root: etree._Element) -> None:
    _texts(root, "PayableAmount")[0].text = "2276.14"


def _line_off(root: etree._Element) -> None:
    _of_line(root, "LineExtensionAmount").text = "1020.01"


def _three_decimals(root: etree._Element) -> None:
    _of_line(root, "LineExtensionAmount").text = "1020.000"


def _below_zero(root: etree._Element) -> None:
    _of_line(root, "PriceAmount").text = "-0.51"


def _in_euro(root: etree._Element) -> None:
    _texts(root, "PayableAmount")[0].set("currencyID", "EUR")


def _corrective(root: etree._Element) -> None:
    _texts(root, "InvoiceTypeCode")[0].text = "384"


def _no_address_of_the_buyer(root: etree._Element) -> None:
    _take_out(_texts(_texts(root, "AccountingCustomerParty")[0], "EndpointID")[0])


def _no_address_of_the_seller(root: etree._Element) -> None:
    _take_out(_texts(_texts(root, "AccountingSupplierParty")[0], "EndpointID")[0])


def _not_in_the_register(root: etree._Element) -> None:
    _take_out(_texts(_texts(root, "AccountingSupplierParty")[0], "PartyTaxScheme")[1])


def _outside_the_vat(root: etree._Element) -> None:
    """The subscription, of 369.00, as what is not taxed at all beside what is."""
    ordinary = _texts(root, "TaxSubtotal")[0]
    outside = copy.deepcopy(ordinary)
    ordinary.addnext(outside)
    for part, net, vat in ((ordinary, "1451.90", "362.98"), (outside, "369.00", "0.00")):
        _texts(part, "TaxableAmount")[0].text, _texts(part, "TaxAmount")[0].text = net, vat
    _texts(root, "TaxAmount")[0].text = "362.98"
    for name in ("TaxInclusiveAmount", "PayableAmount"):
        _texts(root, name)[0].text = "2183.88"
    for category in (_texts(outside, "TaxCategory")[0], _texts(root, "ClassifiedTaxCategory")[2]):
        category[0].text = "O"
        _take_out(category[1])
    reason = etree.Element(str(ordinary[0].tag).replace("TaxableAmount", "TaxExemptionReason"))
    reason.text = "outside the scope of VAT"
    _texts(outside, "TaxCategory")[0].insert(1, reason)


def _of_line(root: etree._Element, name: str) -> etree._Element:
    return _texts(_texts(root, "InvoiceLine")[0], name)[0]


def _take_out(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (_bad_seller, {"NO-R-001", "PEPPOL-COMMON-R041"}),
        (_not_in_the_register, {"NO-R-002"}),
        (_no_reference, {"PEPPOL-EN16931-R003"}),
        (_no_address_of_the_buyer, {"PEPPOL-EN16931-R010"}),
        (_no_address_of_the_seller, {"PEPPOL-EN16931-R020"}),
        (_old_endpoint, {"BR-CL-25", "PEPPOL-EN16931-CL008"}),
        (_self_billed, {"PEPPOL-EN16931-P0100"}),
        (_corrective, {"PEPPOL-EN16931-P0112"}),
        (_in_euro, {"PEPPOL-EN16931-R051"}),
        (_one_ore_off, {"BR-CO-16"}),
        (_line_off, {"BR-CO-10"}),
        (_three_decimals, {"BR-DEC-23", "UBL-DT-01"}),
        (_below_zero, {"BR-27", "PEPPOL-EN16931-R120"}),
        (_outside_the_vat, {"BR-O-02", "BR-O-11", "BR-O-12"}),
    ],
)
def test_the_check_finds_what_is_wrong(change: Callable[[etree._Element], None], codes: set[str]) -> None:
    assert set(findings(_changed(ehf(verified()), change))) == codes


def unseen(document: bytes) -> list[str]:
    """What is wrong with a document and seen by no rule and no schema."""
    root = etree.fromstring(document)
    seller = _texts(root, "AccountingSupplierParty")[0]

    def text_of(name: str, place: etree._Element = root) -> str:
        return "".join(element.text or "" for element in _texts(place, name)[:1])

    lines = [text_of("ID", line) for line in _texts(root, "InvoiceLine")]
    wrong = {
        "no VAT number": "MVA" not in text_of("CompanyID", seller),
        "no due date": not text_of("DueDate"),
        "due before it is issued": "" < text_of("DueDate") < text_of("IssueDate"),
        "a line twice": len(set(lines)) != len(lines),
        "no period": not text_of("InvoicePeriod"),
        "no organisation number": not text_of("CompanyID", _texts(seller, "PartyLegalEntity")[0]),
        "a bad KID": not is_kid(text_of("PaymentID")),
    }
    return [what for what, is_so in wrong.items() if is_so]


def _no_vat_number(root: etree._Element) -> None:
    _take_out(_texts(_texts(root, "AccountingSupplierParty")[0], "PartyTaxScheme")[0])


def _no_due_date(root: etree._Element) -> None:
    _take_out(_texts(root, "DueDate")[0])


def _due_before(root: etree._Element) -> None:
    _texts(root, "DueDate")[0].text = "2026-11-30"


def _line_twice(root: etree._Element) -> None:
    _texts(_texts(root, "InvoiceLine")[1], "ID")[0].text = "1"


def _no_period(root: etree._Element) -> None:
    for period in _texts(root, "InvoicePeriod"):
        _take_out(period)


def _no_organisation_number(root: etree._Element) -> None:
    entity = _texts(_texts(root, "AccountingSupplierParty")[0], "PartyLegalEntity")[0]
    _take_out(_texts(entity, "CompanyID")[0])


def _bad_kid(root: etree._Element) -> None:
    _texts(root, "PaymentID")[0].text = "000001000015"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_no_vat_number, "no VAT number"),
        (_no_due_date, "no due date"),
        (_due_before, "due before it is issued"),
        (_line_twice, "a line twice"),
        (_no_period, "no period"),
        (_no_organisation_number, "no organisation number"),
        (_bad_kid, "a bad KID"),
    ],
)
def test_what_every_check_passes_is_never_written(change: Callable[[etree._Element], None], what: str) -> None:
    document = ehf(verified())
    assert unseen(document) == []
    bad = _changed(document, change)
    assert (findings(bad), unseen(bad)) == ([], [what])


def test_the_schema_alone_sees_the_order() -> None:
    def swap(root: etree._Element) -> None:
        root.insert(0, root[-1])

    valid, errors = validate_xsd(_changed(ehf(verified()), swap))
    assert not valid
    assert errors


@pytest.mark.parametrize(("body", "check"), [("12345678", "2"), ("1234567", "4")])
def test_a_kid_ends_with_its_check_digit(body: str, check: str) -> None:
    assert kid_of(int(body), len(body) + 1) == body + check
    assert is_kid(body + check)
    assert not is_kid(body + str((int(check) + 1) % 10))


def test_a_kid_is_filled_up_to_the_agreed_length_and_no_further() -> None:
    assert len(kid_of(100001, 12)) == 12
    with pytest.raises(ValueError, match="no room"):
        kid_of(1234567, 7)


@pytest.mark.parametrize(("price", "text"), [("0.40", "0.4"), ("369", "369"), ("1E+2", "100"), ("0.4275", "0.4275")])
def test_a_price_is_written_plainly(price: str, text: str) -> None:
    assert plain(Decimal(price)) == text


def test_nothing_on_an_invoice_is_a_float() -> None:
    def floats(value: object) -> bool:
        if isinstance(value, dict):
            return any(map(floats, value.values()))
        if isinstance(value, list | tuple):
            return any(map(floats, value))
        return isinstance(value, float)

    assert not floats(msgspec.to_builtins(verified()))
