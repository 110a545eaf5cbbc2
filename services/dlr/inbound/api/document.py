"""What the public document says of the calls for incoming messages, as they are behind the front door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from services.dlr.inbound.api.bodies import NewKeyword, NewOptOut
from services.dlr.inbound.api.problems import KINDS
from services.dlr.inbound.api.routes import MOST_ON_A_PAGE, USUAL
from services.dlr.inbound.api.views import (
    InboundPage,
    InboundView,
    Keywords,
    KeywordView,
    Numbers,
    NumberView,
    OptOutPage,
    OptOutView,
    PremiumView,
)
from services.dlr.inbound.keyword import KeywordId, KeywordState, StopScope
from services.dlr.inbound.store import OptOutId
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId, OptOutSource
from shared.contracts.openapi.pieces import Json, given, parameter, refused, taken
from shared.ids import MessageId

STRUCTS: Final = (
    NewKeyword,
    NewOptOut,
    Numbers,
    KeywordView,
    Keywords,
    InboundView,
    InboundPage,
    OptOutView,
    OptOutPage,
)
"""Whose schemas the calls refer to."""

_AT: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
_KEYWORD: Final = KeywordView(
    id=KeywordId("kw_5f0c1e7a7d0b4c399f381a2b"),
    number="2012",
    keyword="blomst",
    state=KeywordState.ACTIVE,
    reply="Takk! Du er med i trekningen.",
    premium=None,
    webhook=True,
    created_at=_AT,
    created_by="0123456789abcdef",
)
_CHARGED: Final = PremiumView("mer_demo", "14002", 1000, "Tips", None, 0)
_MESSAGE: Final = InboundView(
    id=InboundId("2f7be1c04d9a4e63a85b90d3c6e1f274"),
    to="2012",
    from_="+4799999999",
    text="BLOMST",
    coding=InboundCoding.GSM7,
    received_at=_AT,
    keyword="blomst",
    action=InboundAction.REPLY,
    reply_id=MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002"),
    transaction_id=None,
    parts=1,
    missing_parts=(),
)
_OPT_OUT: Final = OptOutView(
    id=OptOutId("oo_5f0c1e7a7d0b4c399f381a2b"), to="+4799999999", sender=None, source=OptOutSource.KEYWORD, at=_AT
)
_NEW_KEYWORDS: Final[Json] = {
    "reply": {
        "summary": "A reply",
        "value": {"number": "2012", "keyword": "BLOMST", "reply": "Takk! Du er med i trekningen."},
    },
    "premium": {
        "summary": "A charged reply",
        "value": {
            "number": "2012",
            "keyword": "TIPS",
            "reply": "Hest nr. 7",
            "premium": {
                "merchant_id": _CHARGED.merchant_id,
                "service_code": _CHARGED.service_code,
                "price": _CHARGED.price,
                "invoice_text": _CHARGED.invoice_text,
            },
        },
    },
}
_NEW_OPT_OUTS: Final[Json] = {
    "everything": {"summary": "Of all that the account sends", "value": {"to": "+4799999999"}},
    "sender": {"summary": "Of one sender", "value": {"to": "+4799999999", "from": "Skolen"}},
}
_KEYWORD_ID: Final = parameter("id", "path", "`kw_…`", {"type": "string", "pattern": "^kw_[0-9a-f]{24}$"})
_OPT_OUT_ID: Final = parameter("id", "path", "`oo_…`", {"type": "string", "pattern": "^oo_[0-9a-f]{24}$"})
_INBOUND_ID: Final = parameter(
    "id", "path", "From a list or a webhook.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}
)
_PAGE: Final = (
    parameter(
        "limit",
        "query",
        "Most on a page.",
        {"type": "integer", "minimum": 1, "maximum": MOST_ON_A_PAGE, "default": USUAL},
    ),
    parameter("cursor", "query", "`cursor` of the page before, as it is.", {"type": "string"}),
)
_BODY: Final = ("body_too_large", "invalid_json", "invalid_request")


def paths() -> Json:
    """The calls. What the front door refuses itself, it adds."""
    return {
        "/v1/numbers": {
            "get": _call(
                "listNumbers",
                "List the numbers that people may write to",
                {
                    "200": given(
                        "Yours, and the shared ones.", Numbers, Numbers([NumberView("2012", False, StopScope.ACCOUNT)])
                    )
                },
            ),
        },
        "/v1/keywords": {
            "get": _call(
                "listKeywords",
                "List all keywords",
                {"200": given("By number and word.", Keywords, Keywords([_KEYWORD]))},
            ),
            "post": _call(
                "createKeyword",
                "Make a keyword",
                {
                    "201": given("It answers from now on.", KeywordView, _KEYWORD),
                    "202": given("The number is shared: a person of ours looks at it first.", KeywordView, _KEYWORD),
                },
                description="Whoever sends a text that begins with it, in any case of letters, gets `reply`, charged "
                "if there is a `premium`; webhooks that want `received` are told. STOP and STOPP always opt out.",
                body=taken(NewKeyword, _NEW_KEYWORDS),
                codes=("keyword_taken", "too_many_keywords", *_BODY),
            ),
        },
        "/v1/keywords/{id}": {
            "get": _call(
                "readKeyword",
                "Read a keyword",
                {"200": given("The keyword.", KeywordView, _KEYWORD)},
                parameters=[_KEYWORD_ID],
                codes=("not_found",),
            ),
            "delete": _call(
                "deleteKeyword",
                "Delete a keyword",
                {"204": {"description": "It is gone."}},
                parameters=[_KEYWORD_ID],
                codes=("not_found",),
            ),
        },
        "/v1/inbound": {
            "get": _call(
                "listInbound",
                "List incoming messages",
                {"200": given("A page, the newest first.", InboundPage, InboundPage([_MESSAGE], None))},
                parameters=_PAGE,
                codes=("invalid_request",),
            ),
        },
        "/v1/inbound/{id}": {
            "get": _call(
                "readInbound",
                "Read an incoming message",
                {"200": given("The message.", InboundView, _MESSAGE)},
                parameters=[_INBOUND_ID],
                codes=("not_found",),
            ),
        },
        "/v1/opt-outs": {
            "get": _call(
                "listOptOuts",
                "List the people who want no more",
                {"200": given("A page, the newest first.", OptOutPage, OptOutPage([_OPT_OUT], None))},
                parameters=_PAGE,
                codes=("invalid_request",),
            ),
            "post": _call(
                "addOptOut",
                "Send somebody no more",
                {
                    "200": given("It was there before.", OptOutView, _OPT_OUT),
                    "201": given("It holds within seconds, also for what is on its way.", OptOutView, _OPT_OUT),
                },
                description="Messages to this number end as `rejected` with the reason `opted_out`. No confirmation is "
                "sent: that is for those who ask by message.",
                body=taken(NewOptOut, _NEW_OPT_OUTS),
                codes=_BODY,
            ),
        },
        "/v1/opt-outs/{id}": {
            "delete": _call(
                "removeOptOut",
                "Somebody has consented anew",
                {"204": {"description": "It is gone."}},
                parameters=[_OPT_OUT_ID],
                codes=("not_found",),
            ),
        },
    }


def _call(
    operation_id: str,
    summary: str,
    answers: Json,
    *,
    description: str = "",
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    codes: Sequence[str] = (),
) -> Json:
    optional = {"description": description, "parameters": list(parameters), "requestBody": body}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["incoming"],
        **{name: value for name, value in optional.items() if value},
        "responses": {**answers, **refused({code: KINDS[code] for code in codes})},
    }
