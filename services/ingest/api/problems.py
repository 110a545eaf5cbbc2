"""Every problem that the HTTP API answers with: code, status, meaning. Codes are public and stable, texts are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from starlette.responses import Response

from shared.errors import FieldError, Refused, TryLater
from shared.http import Kind, problem

RETRY_SECONDS: Final = 1


class Code(StrEnum):
    """`code` of a problem document."""

    UNAUTHORIZED = "unauthorized"
    SCOPE_MISSING = "scope_missing"
    ACCOUNT_SUSPENDED = "account_suspended"
    LANE_SUSPENDED = "lane_suspended"
    SENDER_SUSPENDED = "sender_suspended"
    PREMIUM_SUSPENDED = "premium_suspended"
    PREMIUM_NOT_AGREED = "premium_not_agreed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_CANCELLABLE = "not_cancellable"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    NOT_AVAILABLE = "not_available"
    NO_VALID_RECIPIENT = "no_valid_recipient"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"


KINDS: Final[Mapping[Code, Kind]] = {
    Code.UNAUTHORIZED: Kind(
        401,
        "Not authorized",
        "The key or password is missing, wrong, revoked, or not good from this address.",
        "Send `Authorization: Bearer <key>` with a key that is in force, from an address that the account allows.",
    ),
    Code.SCOPE_MISSING: Kind(
        403, "Not allowed", "The API key is good, but not for this call.", "Use a key that has the scope."
    ),
    Code.ACCOUNT_SUSPENDED: Kind(
        403, "Account suspended", "The account may not send for now; it may still read.", "Ask us to resume it."
    ),
    Code.LANE_SUSPENDED: Kind(
        403, "Lane suspended", "The account may not send on this lane for now.", "Use another lane, or ask us."
    ),
    Code.SENDER_SUSPENDED: Kind(
        403, "Sender suspended", "The account may not send as this sender for now.", "Use another sender, or ask us."
    ),
    Code.PREMIUM_SUSPENDED: Kind(
        403, "Premium suspended", "The account may not charge for now; it may still read.", "Ask us to resume it."
    ),
    Code.PREMIUM_NOT_AGREED: Kind(
        403,
        "No premium agreement",
        "The account has no agreement to charge for this service on this short number.",
        "Check `service_code` and `short_number`, or ask us for an agreement.",
    ),
    Code.NOT_FOUND: Kind(
        404,
        "Not found",
        "There is no such path, or no such message of this account.",
        "Check path and id: what belongs to another account does not exist for you.",
    ),
    Code.METHOD_NOT_ALLOWED: Kind(
        405, "Method not allowed", "`Allow` names the methods of this path.", "Use one of the methods in `Allow`."
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(
        409,
        "Idempotency key reused",
        "The idempotency key was used with another body within 72 hours.",
        "Take a new key for a new request; repeat a request with its own body.",
    ),
    Code.NOT_CANCELLABLE: Kind(
        409,
        "Not cancellable",
        "The message does not wait any more, or never did: `detail` names its state to a key that may read.",
        "Only `held` and `scheduled` messages can be cancelled; what is on its way cannot be called back.",
    ),
    Code.BODY_TOO_LARGE: Kind(
        413, "Body too large", "The body is larger than 1 MiB.", "Divide the recipients among several requests."
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(
        415,
        "Unsupported media type",
        "The body must be JSON in UTF-8, uncompressed.",
        "Send `Content-Type: application/json`, and no `Content-Encoding`.",
    ),
    Code.INVALID_JSON: Kind(
        422, "Invalid JSON", "The body is not valid JSON in UTF-8.", "Let a JSON library write the body."
    ),
    Code.INVALID_REQUEST: Kind(
        422, "Invalid request", "`errors` says which field is wrong and why.", "Correct the fields it names."
    ),
    Code.NOT_AVAILABLE: Kind(
        422, "Not available", "`errors` names a field that is not available, and why.", "Leave the field out."
    ),
    Code.NO_VALID_RECIPIENT: Kind(
        422,
        "No valid recipient",
        "No recipient can be sent to: `errors` says why.",
        "Correct or remove the recipients that it names.",
    ),
    Code.RATE_LIMITED: Kind(
        429,
        "Rate limited",
        "More than the account may send at once; the whole request was refused: ask again later.",
        "Repeat it after `Retry-After` seconds; `RateLimit-*` tell the limit. Ask for more if it is too little.",
    ),
    Code.INTERNAL_ERROR: Kind(
        500,
        "Internal error",
        "An error of ours; whether a message was taken is not known.",
        "Repeat the request with the same `Idempotency-Key`, then tell us.",
    ),
    Code.UNAVAILABLE: Kind(
        503,
        "Unavailable",
        "Nothing was promised: ask again after `Retry-After` seconds.",
        "Repeat with the same `Idempotency-Key`; without one, messages may come twice. `detail` names what is away.",
    ),
}
"""The documented problems, in the order of their status."""


class FieldCode(StrEnum):
    """`code` of one entry of `errors`, beside those of `shared.text.codes`."""

    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    DUPLICATE_FIELD = "duplicate_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    OUT_OF_RANGE = "out_of_range"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    EMPTY_TEXT = "empty_text"
    NUL_IN_TEXT = "nul_in_text"
    NO_RECIPIENT = "no_recipient"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    SENDER_MISSING = "sender_missing"
    INVALID_URL = "invalid_url"
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    SUSPENDED = "suspended"
    CONSENT_MISSING = "consent_missing"
    NOT_AGREED = "not_agreed"
    NOT_AVAILABLE = "not_available"
    INVALID_CURSOR = "invalid_cursor"


class Rejected(Refused):
    """A request that is answered with a problem document."""

    def __init__(
        self, code: Code, detail: str = "", errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code, detail, errors)
        self.kind = KINDS[code]
        self.headers = headers


def invalid(pointer: str, code: str, message: str) -> Rejected:
    """`invalid_request` for one field."""
    return Rejected(Code.INVALID_REQUEST, errors=(FieldError(pointer, code, message),))


def answer(error: Rejected) -> Response:
    """The response to a request that was rejected."""
    response = problem(error.kind.status, error.code, error.kind.title, error.detail, error.errors)
    if error.headers:
        response.headers.update(error.headers)
    return response


def come_back(error: TryLater) -> Response:
    """The response when something we depend on does not answer. `detail` says no more than the error's code."""
    kind = KINDS[Code.UNAVAILABLE]
    response = problem(kind.status, Code.UNAVAILABLE, kind.title, error.code)
    response.headers["retry-after"] = str(RETRY_SECONDS)
    return response


def of_status(status: int, headers: Mapping[str, str] | None) -> Response:
    """The response for an error that the routing found (404, 405)."""
    for code, kind in KINDS.items():
        if kind.status == status:
            return answer(Rejected(code, headers=headers))
    return answer(Rejected(Code.INTERNAL_ERROR))
