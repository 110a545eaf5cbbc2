"""What one request asks for, checked as far as it can be without looking at its recipients. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

import msgspec

from services.ingest.api.decoding import Decoder, refuse_duplicates
from services.ingest.api.messages import MOST_PARTS, MOST_RECIPIENTS, Quote, QuoteBody, SendBody
from services.ingest.api.problems import Code, FieldCode, Rejected, invalid
from shared.contracts.words import LANE_OF, Lane
from shared.errors import FieldError, Refused
from shared.text.codes import TextCode
from shared.text.gsm import foreign
from shared.text.segments import Measure, check
from shared.text.senders import parse_sender
from shared.text.transliterate import to_gsm

_MOST_UNITS: Final = MOST_PARTS * 153
_LONGEST_REWRITTEN: Final = 4 * _MOST_UNITS
_MOST_NAMED: Final = 20
NOT_AVAILABLE: Final = {
    "send_at": "messages cannot be sent at a later time yet",
    "premium": "a message carries no charge; POST /v1/premium/charges makes one, and so does a keyword with a price",
}
"""Fields of the body that are refused, and why."""

# Most addresses are like this one, and certainly good; the others are taken apart, which takes 20 times as long.
_PLAIN_URL: Final = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?(?:[/?#][!-~]*)?"
)
_decode_send: Final = Decoder(SendBody)
_decode_quote: Final = Decoder(QuoteBody)


class Draft(msgspec.Struct, frozen=True):
    """A request whose own fields are good. `recipients` are as given; `listed` tells whether `to` was a list."""

    body: SendBody
    recipients: list[str]
    listed: bool
    sender: str
    lane: Lane
    measure: Measure


class QuoteDraft(msgspec.Struct, frozen=True):
    """A text to be quoted."""

    body: QuoteBody
    measure: Measure


def draft(octets: bytes, default_sender: str | None) -> Draft:
    """Decode and check the body of `POST /v1/messages`.

    Raises `Rejected`: `invalid_json`, `not_available`, or `invalid_request` naming the first field that is wrong.
    """
    body = _decode_send(octets)
    _require_available(body)
    if body.transliterate:
        body = msgspec.structs.replace(body, text=_rewritten(body.text))
    refuse_duplicates(octets)
    listed = isinstance(body.to, list)
    recipients = body.to if isinstance(body.to, list) else [body.to]
    if not recipients:
        raise invalid("/to", FieldCode.NO_RECIPIENT, "names nobody")
    if len(recipients) > MOST_RECIPIENTS:
        raise invalid("/to", FieldCode.TOO_MANY_RECIPIENTS, f"names more than {MOST_RECIPIENTS}")
    if body.callback_url is not None:
        _require_url(body.callback_url)
    return Draft(
        body=body,
        recipients=recipients,
        listed=listed,
        sender=_sender(body.sender, default_sender),
        lane=LANE_OF[body.category] if body.lane is None else body.lane,
        measure=_measure(body.text, body.allow_unicode, body.max_parts),
    )


def quote_draft(octets: bytes) -> QuoteDraft:
    """Decode and check the body of `POST /v1/quotes`. Raises as `draft` does."""
    body = _decode_quote(octets)
    refuse_duplicates(octets)
    if body.transliterate:
        body = msgspec.structs.replace(body, text=_rewritten(body.text))
    return QuoteDraft(body=body, measure=_measure(body.text, body.allow_unicode, body.max_parts))


def quoted(wanted: QuoteDraft) -> Quote:
    """The answer to it."""
    characters = foreign(wanted.body.text)
    named = characters[:_MOST_NAMED]
    return Quote(
        parts=wanted.measure.parts,
        coding=wanted.measure.coding,
        units=wanted.measure.units,
        unicode_characters=list(named),
        unicode_names=[unicodedata.name(character, f"U+{ord(character):04X}") for character in named],
        unicode_count=len(characters),
    )


def _rewritten(text: str) -> str:
    """The text without what can be written plainly; one that is too long in any case is left to be refused."""
    return to_gsm(text) if len(text) <= _LONGEST_REWRITTEN else text


def _require_available(body: SendBody) -> None:
    """Refuse what is promised for later rather than ignore it."""
    for name, why in NOT_AVAILABLE.items():
        if getattr(body, name) is not msgspec.UNSET:
            raise Rejected(
                Code.NOT_AVAILABLE, f"{name}: {why}", (FieldError(f"/{name}", FieldCode.NOT_AVAILABLE, why),)
            )


def _measure(text: str, allow_unicode: bool, max_parts: int) -> Measure:
    if not text:
        raise invalid("/text", FieldCode.EMPTY_TEXT, "the text is empty")
    if "\0" in text:
        raise invalid("/text", FieldCode.NUL_IN_TEXT, "the text holds U+0000")
    if len(text) > _MOST_UNITS:
        raise invalid("/text", TextCode.TOO_MANY_PARTS, f"the text does not fit {max_parts} parts")
    try:
        return check(text, allow_unicode=allow_unicode, max_parts=max_parts)
    except Refused as refusal:
        raise invalid("/text", refusal.code, refusal.detail) from None


def _sender(given: str | None, default: str | None) -> str:
    if given is None:
        if default is None:
            raise invalid("/from", FieldCode.SENDER_MISSING, "the account has no default sender")
        return default
    try:
        return parse_sender(given).value
    except Refused as refusal:
        raise invalid("/from", refusal.code, refusal.detail) from None


def _require_url(url: str) -> None:
    """An absolute http or https URL in ASCII, without user and password."""
    if _PLAIN_URL.fullmatch(url):
        return
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        good = False
    if not good:
        raise invalid("/callback_url", FieldCode.INVALID_URL, "must be an http or https URL without user and password")
