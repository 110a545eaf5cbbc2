"""What an incoming message leads to: values in, a value out (R-152 to R-154, R-185)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from services.dlr.inbound.keyword import Keyword, Number, StopScope
from services.dlr.inbound.words import STOP_WORDS, candidates, words_of
from shared.contracts.inbound import EVERY_SENDER, InboundAction
from shared.ids import AccountId


class Stop(msgspec.Struct, frozen=True):
    """An account, and what of it the person wants no more of: one sender, or `EVERY_SENDER`."""

    account_id: AccountId
    scope: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the message is (None: nobody's), and what it asks for."""

    account_id: AccountId | None = None
    action: InboundAction = InboundAction.NONE
    keyword: Keyword | None = None
    stops: tuple[Stop, ...] = ()


NOBODYS: Final = Decision()


def asked_words(text: str | None, missing: Collection[int] = ()) -> tuple[str, ...]:
    """The words that may mean something: none of octets, none of a long message whose beginning is missing."""
    if text is None or 1 in missing:
        return ()
    return words_of(text)


def is_stop(words: tuple[str, ...]) -> bool:
    """Whether somebody wants no more: whatever follows the word."""
    return bool(words) and words[0] in STOP_WORDS


def wanted(words: tuple[str, ...]) -> tuple[str, ...]:
    """The keywords to look up, best first; behind a STOP those that it may name."""
    return candidates(words[1:] if is_stop(words) else words)


def decide(
    words: tuple[str, ...],
    number: Number | None,
    keywords: Mapping[str, Keyword],
    tenants: tuple[AccountId, ...],
) -> Decision:
    """`keywords` are the active ones of `wanted`, by their words; `tenants` all accounts that have one on the number.

    STOP to a number of an account is meant for it. On a shared number it is meant for the keyword's account, or, when
    it names none, for everybody who answers there.
    """
    if number is None:
        return NOBODYS
    found = next((keywords[each] for each in wanted(words) if each in keywords), None)
    owner = number.account_id or (found.account_id if found is not None else None)
    if is_stop(words):
        scope = EVERY_SENDER if number.stop is StopScope.ACCOUNT else number.number
        stopped = (owner,) if owner is not None else tenants
        return Decision(
            account_id=owner,
            action=InboundAction.OPT_OUT if stopped else InboundAction.NONE,
            stops=tuple(Stop(account, scope) for account in stopped),
        )
    if found is None or found.reply is None:
        return Decision(account_id=owner, keyword=found)
    action = InboundAction.REPLY if found.premium is None else InboundAction.PREMIUM_REPLY
    return Decision(account_id=owner, action=action, keyword=found)
