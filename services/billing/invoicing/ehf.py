"""The EHF document of an invoice: Peppol BIS Billing 3.0, which EHF Billing 3.0 is without extensions.

The order of the elements is that of the UBL 2.1 schema; no rule but the schema sees it. Everything here is ordinary
VAT (category S) in crowns between Norwegian businesses. No number and no text of a message can be in it: an `Invoice`
has none.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from lxml import etree

from services.billing.invoicing.document import Invoice
from services.billing.invoicing.drafting import Line, taxed
from services.billing.invoicing.parties import Address, Customer, Seller
from shared.money.amounts import CURRENCY, Ore, crowns
from shared.money.periods import first_day, last_day

_INVOICE: Final = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
_CAC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_CBC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"

_CUSTOMIZATION: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_PROFILE: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_COMMERCIAL_INVOICE: Final = "380"
_ORGANISATION_NUMBER: Final = "0192"
_GLN: Final = "0088"
_ACCOUNT_IN_NORWAY: Final = "30"
_PIECE: Final = "C62"
_ORDINARY_VAT: Final = "S"


def ehf(invoice: Invoice) -> bytes:
    """The document, UTF-8 with declaration. The same invoice gives the same octets."""
    root = etree.Element(f"{{{_INVOICE}}}Invoice", nsmap={None: _INVOICE, "cac": _CAC, "cbc": _CBC})
    _head(root, invoice)
    _supplier(_add(root, "AccountingSupplierParty"), invoice.seller)
    _buyer(_add(root, "AccountingCustomerParty"), invoice.customer)
    _payment(root, invoice)
    _vat(root, invoice)
    _sums(root, invoice)
    for number, line in enumerate(invoice.lines, 1):
        _line(_add(root, "InvoiceLine"), number, line)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _head(root: etree._Element, invoice: Invoice) -> None:
    _put(root, "CustomizationID", _CUSTOMIZATION)
    _put(root, "ProfileID", _PROFILE)
    _put(root, "ID", str(invoice.number))
    _put(root, "IssueDate", invoice.issued_on.isoformat())
    _put(root, "DueDate", invoice.due_on.isoformat())
    _put(root, "InvoiceTypeCode", _COMMERCIAL_INVOICE)
    _put(root, "DocumentCurrencyCode", CURRENCY)
    _put(root, "BuyerReference", invoice.reference)
    # Every line's period lies within the document's (PEPPOL-EN16931-R110, R111).
    months = [line.month for line in invoice.lines]
    _dates(root, first_day(min(months)), last_day(max(months)))


def _supplier(party: etree._Element, seller: Seller) -> None:
    inner = _party(party, _ORGANISATION_NUMBER, seller.organisation_number, seller.address)
    _tax_scheme(inner, "VAT", f"NO{seller.organisation_number}MVA")
    _tax_scheme(inner, "TAX", "Foretaksregisteret")  # NO-R-002
    _legal_entity(inner, seller.name, seller.organisation_number)


def _buyer(party: etree._Element, customer: Customer) -> None:
    scheme, endpoint = (_ORGANISATION_NUMBER, customer.organisation_number)
    if customer.gln is not None:
        scheme, endpoint = _GLN, customer.gln
    inner = _party(party, scheme, endpoint, customer.address)
    if customer.vat_registered:
        _tax_scheme(inner, "VAT", f"NO{customer.organisation_number}MVA")
    _legal_entity(inner, customer.name, customer.organisation_number)


def _party(parent: etree._Element, scheme: str, endpoint: str, address: Address) -> etree._Element:
    party = _add(parent, "Party")
    _put(party, "EndpointID", endpoint, schemeID=scheme)
    postal = _add(party, "PostalAddress")
    _put(postal, "StreetName", address.street)
    _put(postal, "CityName", address.city)
    _put(postal, "PostalZone", address.postal_code)
    _put(_add(postal, "Country"), "IdentificationCode", "NO")
    return party


def _tax_scheme(party: etree._Element, scheme: str, company: str) -> None:
    registered = _add(party, "PartyTaxScheme")
    _put(registered, "CompanyID", company)
    _put(_add(registered, "TaxScheme"), "ID", scheme)


def _legal_entity(party: etree._Element, name: str, organisation_number: str) -> None:
    entity = _add(party, "PartyLegalEntity")
    _put(entity, "RegistrationName", name)
    _put(entity, "CompanyID", organisation_number, schemeID=_ORGANISATION_NUMBER)


def _payment(root: etree._Element, invoice: Invoice) -> None:
    means = _add(root, "PaymentMeans")
    _put(means, "PaymentMeansCode", _ACCOUNT_IN_NORWAY)
    _put(means, "PaymentID", invoice.kid)
    _put(_add(means, "PayeeFinancialAccount"), "ID", invoice.seller.bank_account)


def _vat(root: etree._Element, invoice: Invoice) -> None:
    total = _add(root, "TaxTotal")
    _amount(total, "TaxAmount", invoice.amounts.vat)
    for one in taxed(invoice.lines):
        part = _add(total, "TaxSubtotal")
        _amount(part, "TaxableAmount", one.net)
        _amount(part, "TaxAmount", one.vat)
        _category(part, "TaxCategory", one.rate)


def _sums(root: etree._Element, invoice: Invoice) -> None:
    sums = _add(root, "LegalMonetaryTotal")
    _amount(sums, "LineExtensionAmount", invoice.amounts.net)
    _amount(sums, "TaxExclusiveAmount", invoice.amounts.net)
    _amount(sums, "TaxInclusiveAmount", invoice.amounts.total)
    _amount(sums, "PayableAmount", invoice.amounts.total)


def _line(element: etree._Element, number: int, line: Line) -> None:
    _put(element, "ID", str(number))
    _put(element, "InvoicedQuantity", str(line.quantity), unitCode=_PIECE)
    _amount(element, "LineExtensionAmount", line.net)
    _dates(element, first_day(line.month), last_day(line.month))
    item = _add(element, "Item")
    _put(item, "Name", line.text)
    _category(item, "ClassifiedTaxCategory", line.vat_rate)
    _put(_add(element, "Price"), "PriceAmount", plain(line.unit_price), currencyID=CURRENCY)


def _category(parent: etree._Element, name: str, vat_rate: Decimal) -> None:
    category = _add(parent, name)
    _put(category, "ID", _ORDINARY_VAT)
    _put(category, "Percent", plain(vat_rate))
    _put(_add(category, "TaxScheme"), "ID", "VAT")


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeroes behind: 0.40 and 0.4 are one price."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _dates(parent: etree._Element, first: date, last: date) -> None:
    period = _add(parent, "InvoicePeriod")
    _put(period, "StartDate", first.isoformat())
    _put(period, "EndDate", last.isoformat())


def _amount(parent: etree._Element, name: str, amount: Ore) -> None:
    _put(parent, name, crowns(amount), currencyID=CURRENCY)


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_CAC}}}{name}")


def _put(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{_CBC}}}{name}", attributes).text = text
