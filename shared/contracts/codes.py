"""Reason codes of final states: public, stable, ours. The operator's own code travels beside them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.explanations import Explanation


class Reason(StrEnum):
    """Why a message ended as it did."""

    NO_SUCH_NUMBER = "no_such_number"
    HANDSET_UNREACHABLE = "handset_unreachable"
    BARRED = "barred"
    OPERATOR_REJECTED = "operator_rejected"
    OPERATOR_DELETED = "operator_deleted"
    OPERATOR_REFUSED = "operator_refused"
    OPERATOR_UNKNOWN = "operator_unknown"
    OPTED_OUT = "opted_out"
    QUOTA_EXCEEDED = "quota_exceeded"
    URL_NOT_APPROVED = "url_not_approved"
    SENDER_NOT_REGISTERED = "sender_not_registered"
    NOT_APPROVED = "not_approved"
    ACCOUNT_SUSPENDED = "account_suspended"
    LANE_SUSPENDED = "lane_suspended"
    SENDER_SUSPENDED = "sender_suspended"
    INVALID_NUMBER = "invalid_number"
    INVALID_SENDER = "invalid_sender"
    INVALID_TEXT = "invalid_text"
    NO_ROUTE = "no_route"
    VALIDITY_OVER = "validity_over"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ERASED = "erased"


PERMANENT = frozenset({Reason.NO_SUCH_NUMBER, Reason.BARRED, Reason.INVALID_NUMBER})
"""Reasons that speak of the number itself: a customer should drop it."""

REASONS: Final[Mapping[Reason, Explanation]] = {
    Reason.NO_SUCH_NUMBER: Explanation("The operator knows no such number.", "Remove the number from your lists."),
    Reason.HANDSET_UNREACHABLE: Explanation(
        "The operator could not reach the handset: switched off, without coverage, or full.",
        "Send again later if the message still matters.",
    ),
    Reason.BARRED: Explanation("The subscription takes no such messages.", "Remove the number from your lists."),
    Reason.OPERATOR_REJECTED: Explanation(
        "The operator took the message and then refused it.", "Check sender and text; ask us with the operator's code."
    ),
    Reason.OPERATOR_DELETED: Explanation(
        "The operator deleted the message before it was delivered.", "Send again; if it repeats, ask us."
    ),
    Reason.OPERATOR_REFUSED: Explanation(
        "The operator refused to take the message.",
        "Check sender and text against the operator's code, which is in the part's state.",
    ),
    Reason.OPERATOR_UNKNOWN: Explanation(
        "The operator took the message and does not know what became of it.",
        "It may have arrived. Send again only if twice is better than never.",
    ),
    Reason.OPTED_OUT: Explanation("The recipient has asked for no such messages.", "Do not send to this recipient."),
    Reason.QUOTA_EXCEEDED: Explanation("The account's quota is used up.", "Wait for the next period, or ask for more."),
    Reason.URL_NOT_APPROVED: Explanation(
        "The text holds a link to a domain that is not approved for the account.", "Have the domain approved."
    ),
    Reason.SENDER_NOT_REGISTERED: Explanation(
        "The account may not send as this sender.", "Have the sender registered, or leave `from` out."
    ),
    Reason.NOT_APPROVED: Explanation(
        "Somebody looked at the message while it was held, and did not approve it.", "Ask us why."
    ),
    Reason.ACCOUNT_SUSPENDED: Explanation(
        "The account is suspended or closed, or became so after the message was taken over.", "Ask us why."
    ),
    Reason.LANE_SUSPENDED: Explanation("The account may not send in this lane for now.", "Ask us why."),
    Reason.SENDER_SUSPENDED: Explanation("The account may not send as this sender for now.", "Ask us why."),
    Reason.INVALID_NUMBER: Explanation(
        "The number cannot be sent to. Most are refused at the door with a code of their own.",
        "Correct the number or remove it.",
    ),
    Reason.INVALID_SENDER: Explanation("The sender is no valid name or number.", "Correct `from`."),
    Reason.INVALID_TEXT: Explanation(
        "The text is empty, takes more parts than `max_parts`, or needs Unicode where that is not allowed.",
        "Correct the text; `POST /v1/quotes` tells its parts and coding.",
    ),
    Reason.NO_ROUTE: Explanation("No operator is configured for this number.", "Check the country code; ask us."),
    Reason.VALIDITY_OVER: Explanation(
        "The message was not delivered within its validity.",
        "Send again if it still matters, with a longer `valid_for`.",
    ),
    Reason.OUTCOME_UNKNOWN: Explanation(
        "The link to the operator broke between sending and answer, and nothing has been heard since.",
        "It may have arrived. Send again only if twice is better than never.",
    ),
    Reason.ERASED: Explanation(
        "The person's data were erased before the message was sent.", "Nothing: it is not sent any more."
    ),
}
"""What each reason means to the customer."""
