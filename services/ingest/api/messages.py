"""The bodies of `POST /v1/messages` and `POST /v1/quotes`, and of their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from shared.contracts.states import State
from shared.contracts.words import Category, Lane
from shared.ids import MessageId
from shared.text.segments import Coding

MOST_RECIPIENTS: Final = 1_000
LONGEST_VALIDITY: Final = 72 * 3600
SHORTEST_VALIDITY: Final = 60
DEFAULT_VALIDITY: Final = 48 * 3600
MOST_PARTS: Final = 10
DEFAULT_PARTS: Final = 6
LONGEST_NOTE: Final = 128
LONGEST_URL: Final = 2048
LONGEST_NUMBER: Final = 64

Utc = Annotated[datetime, msgspec.Meta(tz=True)]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NOTE)]
# Documented here and checked in `drafting`, with codes of their own.
Text = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
Parts = Annotated[int, msgspec.Meta(ge=1, le=MOST_PARTS, description="Refuse a text that takes more parts.")]


_TRANSLITERATE: Final = 'Write plain what the GSM alphabet lacks and has a plain form: “ as ", č as c; never æ, ø, å.'


class SendBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """Body of `POST /v1/messages`. `send_at` and `premium` are part of the contract, but not available."""

    to: Annotated[
        str | list[str],
        msgspec.Meta(
            description=f"A number, or 1 to {MOST_RECIPIENTS}; one named twice is sent twice.",
            extra_json_schema={"minLength": 1, "minItems": 1, "maxItems": MOST_RECIPIENTS},
        ),
    ]
    text: Text
    sender: Annotated[
        str | None,
        msgspec.Meta(description="A name of at most 11 characters or a number; the account's own if absent."),
    ] = None
    reference: Annotated[Note | None, msgspec.Meta(description="Yours; comes back with every status.")] = None
    valid_for: Annotated[
        int,
        msgspec.Meta(ge=SHORTEST_VALIDITY, le=LONGEST_VALIDITY, description="Seconds until it is not sent any more."),
    ] = DEFAULT_VALIDITY
    lane: Annotated[Lane | None, msgspec.Meta(description="By category, if absent.")] = None
    category: Category = Category.TRANSACTIONAL
    allow_unicode: Annotated[bool, msgspec.Meta(description="If false, a text that needs Unicode is refused.")] = True
    transliterate: Annotated[bool, msgspec.Meta(description=_TRANSLITERATE)] = False
    max_parts: Parts = DEFAULT_PARTS
    flash: Annotated[bool, msgspec.Meta(description="Show on the screen at once, without storing.")] = False
    never_twice: Annotated[bool, msgspec.Meta(description="Rather fail than risk to send a second time.")] = False
    consent_ref: Annotated[Note | None, msgspec.Meta(description="Where the recipient's consent is kept.")] = None
    test: Annotated[bool, msgspec.Meta(description="Mark as a test; it is not charged.")] = False
    callback_url: Annotated[
        Annotated[str, msgspec.Meta(max_length=LONGEST_URL)] | None,
        msgspec.Meta(
            description="https or http; gets the final state.",
            extra_json_schema={"format": "uri", "pattern": "^https?://[!-~]+$"},
        ),
    ] = None
    send_at: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    premium: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Fault(msgspec.Struct, frozen=True):
    """Why a recipient was not accepted."""

    code: str
    message: str


class Message(msgspec.Struct, frozen=True):
    """The verdict on one recipient. `to` is E.164, or as given when it is not a number. `price` is null for now."""

    id: MessageId | None
    to: str
    state: State
    parts: int | None
    coding: Coding | None
    price: int | None = None
    error: Fault | None = None


class Messages(msgspec.Struct, frozen=True):
    """Answer to `POST /v1/messages`: a verdict per recipient, in the order asked."""

    messages: list[Message]


class Step(msgspec.Struct, frozen=True):
    """A state, and since when."""

    state: State
    at: Utc


class MessageNow(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """Answer to `GET /v1/messages/{id}`, as far as the door itself can give it; the message log adds members.

    `to` and `coding` are null once the message was erased.
    """

    id: MessageId
    to: str | None
    sender: str
    state: State
    final: bool
    parts: int
    coding: Coding | None
    history: list[Step]
    reference: str | None = None


class Cancelled(msgspec.Struct, frozen=True):
    """Answer to `DELETE /v1/messages/{id}`: it will not be sent. The message log says so a moment later."""

    id: MessageId
    state: State = State.CANCELLED


class QuoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/quotes`."""

    text: Text
    allow_unicode: bool = True
    transliterate: Annotated[bool, msgspec.Meta(description=_TRANSLITERATE)] = False
    max_parts: Parts = MOST_PARTS


class Quote(msgspec.Struct, frozen=True):
    """Answer to `POST /v1/quotes`. `units` are septets (gsm7) or UTF-16 code units (ucs2).

    `unicode_characters` are the different ones that force Unicode, in the order in which they come, at most 20 of the
    `unicode_count`; `unicode_names` are their names, to find those that look like nothing or like others.
    """

    parts: int
    coding: Coding
    units: int
    unicode_characters: list[str]
    unicode_names: list[str]
    unicode_count: int
    price: int | None = None
