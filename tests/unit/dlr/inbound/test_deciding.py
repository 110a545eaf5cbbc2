"""What an incoming message leads to, as a table."""

from __future__ import annotations

import pytest

from services.dlr.inbound.deciding import NOBODYS, Decision, Stop, asked_words, decide, wanted
from services.dlr.inbound.keyword import Keyword, KeywordState, Number, PremiumReply, StopScope, keyword_id
from services.dlr.inbound.words import candidates, keyword_of, words_of
from shared.contracts.inbound import EVERY_SENDER, InboundAction
from shared.ids import AccountId
from tests.unit.dlr.building import START

ACME, OTHER = AccountId("acme"), AccountId("other")
OWN = Number(number="2012", account_id=ACME, created_at=START)
SHARED = Number(number="2401", created_at=START)
PREMIUM = PremiumReply(merchant_id="mer_acme", service_code="14002", price=1000, invoice_text="Tips")


def keyword(words: str, *, number: str = "2012", account: AccountId = ACME, **changes: object) -> Keyword:
    fields = {"reply": "Takk!", **changes}
    return Keyword(
        id=keyword_id(number, words),
        account_id=account,
        number=number,
        keyword=words,
        state=KeywordState.ACTIVE,
        created_at=START,
        **fields,  # type: ignore[arg-type]
    )


def decided(text: str | None, number: Number | None, *keywords: Keyword, missing: tuple[int, ...] = ()) -> Decision:
    words = asked_words(text, missing)
    asked = wanted(words)
    table = {each.keyword: each for each in keywords if each.keyword in asked}
    return decide(words, number, table, tuple(sorted({each.account_id for each in keywords})))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PIZZA", "pizza"),
        ("  pizza!!", "pizza"),
        ("Pizza stor takk", "pizza stor"),
        ("pizza liten", "pizza"),
        ("ＰＩＺＺＡ", "pizza"),
        ("pizzaer", "*"),
        ("", "*"),
        ("🍕", "*"),
    ],
)
def test_the_longest_keyword_that_the_text_begins_with_is_meant(text: str, found: str) -> None:
    decision = decided(text, OWN, keyword("pizza"), keyword("pizza stor"), keyword("*"))
    assert decision.keyword is not None
    assert (decision.keyword.keyword, decision.action, decision.account_id) == (found, InboundAction.REPLY, ACME)


def test_a_number_nobody_has_is_nobodys() -> None:
    assert decided("pizza", None, keyword("pizza")) == NOBODYS


def test_without_a_keyword_a_message_is_its_numbers_owners() -> None:
    assert decided("hei", OWN) == Decision(account_id=ACME)
    assert decided("hei", SHARED) == NOBODYS


def test_a_keyword_without_reply_only_tells_its_owner() -> None:
    decision = decided("pizza", OWN, keyword("pizza", reply=None))
    assert (decision.action, decision.account_id) == (InboundAction.NONE, ACME)


def test_a_price_makes_the_reply_a_charged_one() -> None:
    assert decided("tips", OWN, keyword("tips", premium=PREMIUM)).action is InboundAction.PREMIUM_REPLY


def test_on_a_shared_number_the_keyword_says_whose_it_is() -> None:
    decision = decided("lodd", SHARED, keyword("lodd", number="2401", account=OTHER))
    assert (decision.account_id, decision.action) == (OTHER, InboundAction.REPLY)


@pytest.mark.parametrize("text", ["STOP", "stopp", "Stopp.", " STOP! ", "stopp nå", "STOPP pizza"])
def test_stop_opts_out_whatever_follows(text: str) -> None:
    decision = decided(text, OWN, keyword("pizza"), keyword("*"))
    assert (decision.action, decision.account_id, decision.keyword) == (InboundAction.OPT_OUT, ACME, None)
    assert decision.stops == (Stop(ACME, EVERY_SENDER),)


@pytest.mark.parametrize("text", ["stoppe", "ikke stopp", "nonstop", "s t o p"])
def test_other_words_are_no_stop(text: str) -> None:
    assert decided(text, OWN).action is InboundAction.NONE


def test_a_number_may_stop_only_what_it_sends_itself() -> None:
    number = Number(number="2012", account_id=ACME, stop=StopScope.SENDER, created_at=START)
    assert decided("stop", number).stops == (Stop(ACME, "2012"),)


def test_stop_on_a_shared_number_is_for_the_keywords_account_and_else_for_everybody_there() -> None:
    both = (keyword("lodd", number="2401", account=OTHER), keyword("pizza", number="2401"))
    named = decided("STOPP LODD", SHARED, *both)
    assert (named.account_id, named.stops) == (OTHER, (Stop(OTHER, EVERY_SENDER),))
    unnamed = decided("STOPP", SHARED, *both)
    assert (unnamed.account_id, unnamed.stops) == (None, (Stop(ACME, EVERY_SENDER), Stop(OTHER, EVERY_SENDER)))
    assert decided("STOPP", SHARED) == NOBODYS


def test_a_long_message_without_its_beginning_means_nothing() -> None:
    assert decided("stopp", OWN, keyword("*", reply=None), missing=(1,)).action is InboundAction.NONE
    assert decided("stopp", OWN, missing=(2, 3)).action is InboundAction.OPT_OUT


def test_octets_mean_nothing() -> None:
    assert decided(None, OWN, keyword("pizza")) == Decision(account_id=ACME)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("PIZZA", "pizza"),
        (" Pizza  Stor ", "pizza stor"),
        ("*", "*"),
        ("blåbær", "blåbær"),
        ("", None),
        ("!!", None),
        ("stop", None),
        ("STOPP alt", None),
        ("a b c d", None),
        ("x" * 33, None),
    ],
)
def test_keywords_are_one_to_three_words_that_do_not_mean_stop(given: str, kept: str | None) -> None:
    assert keyword_of(given) == kept


def test_a_text_of_any_length_costs_little() -> None:
    assert words_of("a " * 100_000) == ("a", "a", "a", "a")
    assert candidates(words_of("a b c d")) == ("a b c", "a b", "a", "*")
