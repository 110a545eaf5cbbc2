"""What the codes inside a problem document mean: those of `errors`, and those in the `detail` of `unavailable`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.ingest.api.problems import FieldCode
from shared.explanations import Explanation

FIELDS: Final[Mapping[FieldCode, Explanation]] = {
    FieldCode.MISSING_FIELD: Explanation("The field is required.", "Give it."),
    FieldCode.UNKNOWN_FIELD: Explanation(
        "There is no such field or query parameter.", "Check its spelling: what is not known is refused, never ignored."
    ),
    FieldCode.DUPLICATE_FIELD: Explanation("The field is given more than once.", "Give it once."),
    FieldCode.WRONG_TYPE: Explanation(
        "The value has another type than the field.", "Give the type that `message` names."
    ),
    FieldCode.UNKNOWN_VALUE: Explanation("The value is not one of the documented ones.", "Take one of those."),
    FieldCode.OUT_OF_RANGE: Explanation("The number is too small or too large.", "Keep to the bound in `message`."),
    FieldCode.TOO_SHORT: Explanation("The value is too short.", "Keep to the bound in `message`."),
    FieldCode.TOO_LONG: Explanation("The value is too long.", "Keep to the bound in `message`."),
    FieldCode.EMPTY_TEXT: Explanation("The text is empty.", "Give a text."),
    FieldCode.NUL_IN_TEXT: Explanation("The text holds the character U+0000.", "Take it out."),
    FieldCode.NO_RECIPIENT: Explanation("`to` is an empty list.", "Name 1 to 1,000 recipients."),
    FieldCode.TOO_MANY_RECIPIENTS: Explanation("`to` names more than 1,000.", "Divide them among several requests."),
    FieldCode.SENDER_MISSING: Explanation(
        "There is no `from`, and the account has no default sender.", "Give `from`, or set a default sender."
    ),
    FieldCode.INVALID_URL: Explanation(
        "The URL is not one that can be called.", "Give an absolute `https` or `http` URL in ASCII without password."
    ),
    FieldCode.INVALID_IDEMPOTENCY_KEY: Explanation(
        "The header is given twice, is empty, too long, or holds other than visible ASCII.",
        "Give one key of 1 to 128 visible ASCII characters, best a random one.",
    ),
    FieldCode.IDEMPOTENCY_KEY_MISSING: Explanation(
        "A charge with `consent_ref` has no header `Idempotency-Key`: a repeat of it would charge twice.",
        "Give a new key for each charge, and the same one when you repeat it.",
    ),
    FieldCode.SUSPENDED: Explanation("The lane or the sender is suspended.", "Use another, or ask us."),
    FieldCode.CONSENT_MISSING: Explanation(
        "The charge does not show how the user agreed, or shows it in two ways.",
        "Give either `id` and `one_time_password`, or `consent_ref`.",
    ),
    FieldCode.NOT_AGREED: Explanation(
        "No agreement of the account covers the service on that short number.",
        "Take a service that is agreed, or ask us.",
    ),
    FieldCode.NOT_AVAILABLE: Explanation(
        "`send_at`: messages cannot be sent at a later time yet. `premium`: a message carries no charge.",
        "Leave it out. Charge with `POST /v1/premium/charges`, or by a keyword with a price.",
    ),
    FieldCode.INVALID_CURSOR: Explanation(
        "The cursor is none that a list gave out.", "Use the cursor of the page before as it is, or begin anew."
    ),
}
"""What each code of a field means."""

AWAY: Final[Mapping[str, Explanation]] = {
    "broker_unavailable": Explanation(
        "The broker did not acknowledge in time: some of the messages may have been taken.",
        "Repeat with the same `Idempotency-Key`.",
    ),
    "over_capacity": Explanation("Too much waits here already. Nothing was taken.", "Repeat after `Retry-After`."),
    "stopping": Explanation("This process is stopping.", "Repeat at once: another one answers."),
    "accounts_unavailable": Explanation("Keys cannot be looked up. Nothing was taken.", "Repeat after `Retry-After`."),
    "idempotency_unavailable": Explanation(
        "The store of idempotency keys does not answer: the messages may have been taken.",
        "Repeat with the same `Idempotency-Key`.",
    ),
    "messages_unavailable": Explanation("The message log does not answer.", "Read again after `Retry-After`."),
    "desk_unavailable": Explanation(
        "The store of what waits does not answer: a hold may have been decided, a message cancelled.",
        "Repeat it: it is done once.",
    ),
    "message_moving": Explanation(
        "The message is being screened, just coming to wait, or being let go: whether it can be cancelled is not known "
        "yet.",
        "Repeat after `Retry-After`.",
    ),
    "inbound_unavailable": Explanation(
        "The owner of keywords, incoming messages and opt-outs does not answer: a change may have been made.",
        "Look at what is there, then repeat what is missing.",
    ),
    "webhooks_unavailable": Explanation(
        "The owner of the webhooks does not answer: a change may have been made.",
        "Look at `GET /v1/webhooks`, then repeat what is missing.",
    ),
    "clients_unavailable": Explanation(
        "The broker does not answer: who may log in there may have been changed.",
        "Look at `GET /admin/clients`, then repeat what is missing.",
    ),
    "books_unavailable": Explanation(
        "The owner of the books does not answer: a refund may have been taken.",
        "Repeat it: a charge is refunded once, however often it is asked for.",
    ),
    "retention_unavailable": Explanation(
        "The owner of periods and erasures does not answer: an erasure may have been taken.",
        "Repeat it: a person is erased once a day, however often it is asked for.",
    ),
}
"""What `detail` of `unavailable` may be."""
