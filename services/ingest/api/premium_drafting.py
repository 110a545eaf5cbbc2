"""Bodies of `/v1/premium/one-time-passwords` and `/v1/premium/charges`, and what they ask for. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.api.decoding import Decoder, refuse_duplicates
from services.ingest.api.messages import LONGEST_NUMBER, Note
from services.ingest.api.problems import Code, FieldCode, Rejected, invalid
from shared.contracts.premium import Age, PremiumTerms, TransactionId
from shared.errors import FieldError, Refused
from shared.strex.agreements import Agreements
from shared.text.codes import NumberCode
from shared.text.numbers import Number, parse

_LONGEST_PREFIX: Final = 100
_LONGEST_RECEIPT: Final = 459

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

ServiceCode = Annotated[
    str, msgspec.Meta(pattern="^[0-9]{5}$", description="What is sold, in Strex's list: five digits.")
]
InvoiceText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, description="Shown to the user on the pages of Strex.")
]
Ore = Annotated[int, msgspec.Meta(ge=1, le=100_000, description="What the user pays, in øre.")]


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/premium/one-time-passwords`."""

    to: Annotated[str, msgspec.Meta(max_length=LONGEST_NUMBER, description="A Norwegian mobile.")]
    price: Ore
    service_code: ServiceCode
    invoice_text: InvoiceText
    short_number: Annotated[
        Annotated[str, msgspec.Meta(pattern="^[0-9]{4,8}$")] | None,
        msgspec.Meta(description="The first of your agreement, if absent."),
    ] = None
    age: Annotated[Age, msgspec.Meta(description="Least age of the user.")] = 0
    text: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_PREFIX)] | None,
        msgspec.Meta(description="Stands before the code."),
    ] = None
    reference: Annotated[Note | None, msgspec.Meta(description="Yours; comes back with every status.")] = None


class ChargeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/premium/charges`: with `id` and `one_time_password`, or with `consent_ref`."""

    to: Annotated[str, msgspec.Meta(max_length=LONGEST_NUMBER, description="A Norwegian mobile.")]
    price: Ore
    service_code: ServiceCode
    invoice_text: InvoiceText
    short_number: Annotated[
        Annotated[str, msgspec.Meta(pattern="^[0-9]{4,8}$")] | None,
        msgspec.Meta(description="The first of your agreement, if absent."),
    ] = None
    age: Annotated[Age, msgspec.Meta(description="Least age of the user.")] = 0
    text: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_RECEIPT)] | None,
        msgspec.Meta(description="Sent to the user as a receipt."),
    ] = None
    reference: Annotated[Note | None, msgspec.Meta(description="Yours; comes back with every status.")] = None
    id: Annotated[
        str | None,
        msgspec.Meta(
            description="That of the one-time password; everything else as it was there.",
            extra_json_schema={"format": "uuid", "pattern": f"^{_ID.pattern}$"},
        ),
    ] = None
    one_time_password: Annotated[
        Annotated[str, msgspec.Meta(pattern="^[0-9]{4,8}$")] | None,
        msgspec.Meta(
            description="The code that the user gave back. A wrong one ends the transaction: have a new one texted."
        ),
    ] = None
    consent_ref: Annotated[
        Note | None,
        msgspec.Meta(
            description="Where the user's consent is kept; you may be asked for it at any time. Needs the header "
            "`Idempotency-Key`."
        ),
    ] = None


class Wanted(msgspec.Struct, frozen=True):
    """A request that is right. `transaction_id` is of the one-time password that it comes after, if any."""

    terms: PremiumTerms
    number: Number
    text: str | None = None
    reference: str | None = None
    transaction_id: TransactionId | None = None
    code: str | None = None
    consent_ref: str | None = None


_decode_password: Final = Decoder(PasswordBody)
_decode_charge: Final = Decoder(ChargeBody)


def password_wanted(octets: bytes, account: Account, agreements: Agreements) -> Wanted:
    """What a body asks for. Raises `Rejected`: `invalid_json`, `invalid_request`, `premium_not_agreed`."""
    body = _decode_password(octets)
    refuse_duplicates(octets)
    return Wanted(_terms(body, account, agreements), _number(body.to), _text(body.text), body.reference)


def charge_wanted(octets: bytes, account: Account, agreements: Agreements) -> Wanted:
    """The same for a charge. It must show how the user agreed (R-76), in one of the two ways."""
    body = _decode_charge(octets)
    refuse_duplicates(octets)
    coded = body.id is not None and body.one_time_password is not None
    if (body.id is None) is not (body.one_time_password is None) or coded is (body.consent_ref is not None):
        raise invalid("", FieldCode.CONSENT_MISSING, "give either id and one_time_password, or consent_ref")
    if body.id is not None and _ID.fullmatch(body.id) is None:
        raise invalid("/id", FieldCode.UNKNOWN_VALUE, "is not the id of a one-time password")
    return Wanted(
        _terms(body, account, agreements),
        _number(body.to),
        _text(body.text),
        body.reference,
        None if body.id is None else TransactionId(body.id),
        body.one_time_password,
        body.consent_ref,
    )


def _terms(body: PasswordBody | ChargeBody, account: Account, agreements: Agreements) -> PremiumTerms:
    agreement = agreements.find(account.account_id, body.service_code, body.short_number, body.price)
    if agreement is None:
        raise Rejected(
            Code.PREMIUM_NOT_AGREED,
            errors=(FieldError("/service_code", FieldCode.NOT_AGREED, "no agreement covers it on that short number"),),
        )
    least, most = agreement.prices(body.service_code)
    if not least <= body.price <= most:
        raise invalid("/price", FieldCode.OUT_OF_RANGE, f"must be {least} to {most}")
    if not agreement.has_step(body.price):
        raise invalid("/price", FieldCode.OUT_OF_RANGE, "must be whole crowns, a multiple of 100")
    return PremiumTerms(
        merchant_id=agreement.merchant_id,
        short_number=body.short_number or agreement.short_numbers[0],
        service_code=body.service_code,
        price=body.price,
        invoice_text=_text(body.invoice_text, "/invoice_text") or "",
        business_model=agreement.business_model,
        age=body.age,
    )


def _number(raw: str) -> Number:
    """Strex charges subscribers of the Norwegian operators."""
    try:
        recipient = parse(raw)
    except Refused as refusal:
        raise invalid("/to", refusal.code, refusal.detail) from None
    if recipient.country != "NO":
        raise invalid("/to", NumberCode.NOT_A_MOBILE, "is no Norwegian mobile")
    return recipient.number


def _text(text: str | None, pointer: str = "/text") -> str | None:
    if text is not None and "\0" in text:
        raise invalid(pointer, FieldCode.NUL_IN_TEXT, "the text holds U+0000")
    return text
