"""Numbers, which no call makes, and what there is on one machine for a start."""

from __future__ import annotations

from typing import Final

from services.dlr.inbound.keyword import Keyword, KeywordId, KeywordState, Number, PremiumReply, StopScope, keyword_id
from services.dlr.inbound.store import InboundStore
from services.dlr.inbound.words import keyword_of
from shared.clock import Clock
from shared.errors import Refused
from shared.ids import AccountId
from shared.text.numbers import is_short_number, parse_any

DEMO: Final = AccountId("demo")
DEMO_NUMBER: Final = "2002"

_DEMO_KEYWORDS: Final = (
    ("blomst", "Takk for meldingen! Svar STOPP for ikke å få flere.", None),
    (
        "tips",
        "Dagens tips: ta med paraply.",
        PremiumReply(
            merchant_id="mer_test",
            service_code="14002",
            price=500,
            invoice_text="Dagens tips",
            business_model="STREX-PAYMENT",
        ),
    ),
)


async def provision_number(
    store: InboundStore, number: str, account: AccountId | None, stop: StopScope, clock: Clock
) -> str:
    """Messages to this number are the account's from now on; without account it is shared. The number as it is kept.

    Raises `Refused` for what is no short number and no valid number.
    """
    kept = number if is_short_number(number) else parse_any(number)
    await store.put_number(Number(number=kept, account_id=account, stop=stop, created_at=clock.now()))
    return kept


async def provision_demo(store: InboundStore, clock: Clock) -> None:
    """A short number of the demo account with two keywords, one of them charged; a repeat keeps what is there."""
    if not await store.numbers([DEMO_NUMBER]):
        await provision_number(store, DEMO_NUMBER, DEMO, StopScope.ACCOUNT, clock)
    for given, reply, premium in _DEMO_KEYWORDS:
        words = keyword_of(given) or given
        await store.add_keyword(
            Keyword(
                id=keyword_id(DEMO_NUMBER, words),
                account_id=DEMO,
                number=DEMO_NUMBER,
                keyword=words,
                state=KeywordState.ACTIVE,
                created_at=clock.now(),
                reply=reply,
                premium=premium,
            )
        )


async def activate_keyword(store: InboundStore, keyword: str) -> None:
    """A keyword on a shared number, which a person of ours has looked at, answers from now on (R-154).

    Raises `Refused` (`not_found`).
    """
    if not await store.activate(KeywordId(keyword)):
        raise Refused("not_found", "there is no such keyword")
