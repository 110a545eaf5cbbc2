"""Incoming messages, from a delivery to all that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from services.dlr.inbound.keyword import KeywordState, PremiumReply, StopScope
from shared.contracts.accounts import AccountChanged
from shared.contracts.events import SendRequested
from shared.contracts.inbound import (
    EVERY_SENDER,
    InboundAction,
    InboundCoding,
    InboundRouted,
    OptOutRequested,
    OptOutSource,
    opt_out_key,
)
from shared.contracts.premium import ConsentKind, PremiumKind, PremiumOrdered
from shared.contracts.words import AccountState, Door
from shared.errors import BadRecord, TryLater
from shared.ids import GATEWAY, AccountId, partition_of
from shared.kafka.record import Output
from shared.privacy.keys import FileKeyStore, Quarter
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.driving import PARTITIONS, landed
from tests.integration.dlr.inbound.driving import ACME, HANDSET, Handset, Life, ids, later, told
from tests.unit.dlr.building import START

PREMIUM = PremiumReply(merchant_id="mer_acme", service_code="14002", price=1000, invoice_text="Tips")
OTHER = AccountId("other")


async def test_a_keyword_is_answered_once_and_its_owner_told(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.keyword("pizza")

    finished = await life.handle([handset.says("Pizza, takk")])

    assert len(finished) == 1
    (reply,), (event,) = told(outbox.sent, SendRequested), told(outbox.sent, InboundRouted)
    assert isinstance(reply, SendRequested)
    assert isinstance(event, InboundRouted)
    assert (reply.account_id, reply.sender, reply.door, reply.reference) == (
        ACME,
        "2012",
        Door.INBOUND,
        event.inbound_id,
    )
    assert life.sealer.open(ACME, reply.message_id, "to", reply.to) == HANDSET
    assert life.sealer.open(ACME, reply.message_id, "content", reply.content) == "Takk!"
    assert (event.action, event.keyword, event.reply_id) == (InboundAction.REPLY, "pizza", reply.message_id)
    assert life.sealer.open(ACME, event.inbound_id, "from", event.from_) == HANDSET
    assert life.sealer.open(ACME, event.inbound_id, "content", event.content) == "Pizza, takk"
    assert {(output.topic, output.partition) for output in outbox.sent} == {
        ("sms.requests.standard", partition_of(reply.message_id, PARTITIONS)),
        ("dlr.inbound-events", 1),
    }
    assert life.counted("reply") == 1


async def test_nothing_of_people_is_written_in_the_clear(
    life: Life, handset: Handset, outbox: Outbox, mongo: Any
) -> None:
    await life.number()
    await life.keyword("hemmelig", reply="Hysj", premium=PREMIUM)
    await life.handle([handset.says("hemmelig kjeksboks"), handset.says("stopp kjeksboks")])
    rows = [await mongo.database[name].find().to_list(None) for name in ("inbound_messages", "opt_outs")]
    seen = repr(rows).encode() + b"".join(msgspec.json.encode(output) for output in outbox.sent)
    seen += b"".join(output.value or b"" for output in outbox.sent)
    assert HANDSET[3:].encode() not in seen
    assert b"kjeksboks" not in seen


async def test_the_same_delivery_twice_is_one_message(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("pizza")
    again = "a" * 32

    await life.handle([handset.says("pizza", delivered_as=again), handset.says("pizza", delivered_as=again)])
    first = ids(outbox.sent)
    await live().handle([handset.says("pizza", delivered_as=again, after=later(hours=23))])

    assert ids(outbox.sent) == first
    assert len(first) == 2
    assert len(await life.store.messages_of(ACME, None, 10)) == 1


async def test_a_day_later_the_same_delivery_is_a_new_message(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.keyword("tips", premium=PREMIUM)
    again = "b" * 32

    await life.handle([handset.says("tips", delivered_as=again)])
    await life.handle([handset.says("tips", delivered_as=again, after=later(hours=24, seconds=1))])
    await life.handle([handset.says("tips", delivered_as=again, after=later(hours=24, seconds=9))])

    orders = told(outbox.sent, PremiumOrdered)
    assert len({order.transaction_id for order in orders if isinstance(order, PremiumOrdered)}) == len(orders) == 2


@pytest.mark.parametrize("keyword", ["pizza", "tips"])
async def test_killed_between_reply_and_mark_the_successor_says_the_same_again(
    life: Life,
    live: Callable[[], Life],
    handset: Handset,
    outbox: Outbox,
    keyword: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await life.number()
    await life.keyword("pizza")
    await life.keyword("tips", premium=PREMIUM)
    delivery = handset.says(keyword)

    async def away(*_: object) -> None:
        raise TryLater("mongodb_unavailable", "killed here")

    monkeypatch.setattr(life.store, "mark_told", away)
    with pytest.raises(TryLater):
        await life.handle([delivery])
    first, outbox.sent = outbox.sent, []
    # What the keyword says by then changes nothing of what was decided.
    await life.store.remove_keyword(ACME, (await life.store.keywords_of(ACME))[0].id)
    await life.store.remove_keyword(ACME, (await life.store.keywords_of(ACME))[0].id)

    await live().handle([delivery])

    assert ids(outbox.sent) == ids(first)
    assert [output.key for output in outbox.sent] == [output.key for output in first]


async def test_killed_before_the_records_everything_is_written_by_the_successor(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("pizza")
    deliveries = [handset.says("pizza"), handset.says("STOPP")]
    outbox.broken = True
    with pytest.raises(TryLater):
        await life.handle(deliveries)

    outbox.broken = False
    await live().handle(deliveries)

    assert len(told(outbox.sent, SendRequested)) == 2
    assert len(told(outbox.sent, OptOutRequested)) == 1
    assert len(told(outbox.sent, InboundRouted)) == 2


async def test_a_rival_on_the_same_deliveries_decides_the_same(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("pizza")
    deliveries = [handset.says("pizza"), handset.says("STOPP")]
    rival = live()
    kept = rival.store.keep

    async def late(messages: Any) -> Any:
        await life.handle(deliveries)
        return await kept(messages)

    rival.store.keep = late  # type: ignore[method-assign]
    await rival.handle(deliveries)

    assert len(set(ids(outbox.sent))) == 5
    assert len(await life.store.messages_of(ACME, None, 10)) == 2


async def test_a_premium_keyword_orders_a_charged_reply_with_the_message_as_consent(
    life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("tips", reply="Hest nr. 7", premium=PREMIUM)

    await life.handle([handset.says("TIPS")])

    (order,), (event,) = told(outbox.sent, PremiumOrdered), told(outbox.sent, InboundRouted)
    assert isinstance(order, PremiumOrdered)
    assert isinstance(event, InboundRouted)
    assert told(outbox.sent, SendRequested) == []
    assert (order.kind, order.account_id, order.terms.short_number, order.terms.price) == (
        PremiumKind.REPLY,
        ACME,
        "2012",
        1000,
    )
    assert order.consent is not None
    assert (order.consent.kind, order.consent.reference, order.consent.at) == (
        ConsentKind.INBOUND,
        event.inbound_id,
        event.received_at,
    )
    assert order.to is not None
    assert order.content is not None
    assert life.sealer.open(ACME, order.transaction_id, "to", order.to) == HANDSET
    assert life.sealer.open(ACME, order.transaction_id, "content", order.content) == "Hest nr. 7"
    assert (event.transaction_id, event.reply_id) == (order.transaction_id, None)


@pytest.mark.parametrize("word", ["STOP", "stopp"])
async def test_stop_opts_out_before_it_is_confirmed_and_once(
    life: Life, live: Callable[[], Life], handset: Handset, outbox: Outbox, word: str
) -> None:
    await life.number()

    await life.handle([handset.says(word), handset.says(word)])
    await live().handle([handset.says("Stopp nå da", after=later(days=40))])

    (opt_out, *repeats), (confirmation,) = told(outbox.sent, OptOutRequested), told(outbox.sent, SendRequested)
    assert isinstance(opt_out, OptOutRequested)
    assert isinstance(confirmation, SendRequested)
    assert {one.pseudonym for one in repeats if isinstance(one, OptOutRequested)} == {opt_out.pseudonym}
    pseudonym = life.pseudonyms.of(ACME, HANDSET, START)
    assert (opt_out.account_id, opt_out.scope, opt_out.pseudonym, opt_out.source) == (
        ACME,
        EVERY_SENDER,
        pseudonym,
        OptOutSource.KEYWORD,
    )
    assert outbox.sent[0].key == opt_out_key(ACME, EVERY_SENDER, pseudonym).encode()
    assert outbox.sent[0].topic == "config.opt-outs"
    text = life.sealer.open(ACME, confirmation.message_id, "content", confirmation.content)
    assert text == "Du er meldt av. Du får ikke flere SMS fra oss."
    events = told(outbox.sent, InboundRouted)
    assert [event.action for event in events if isinstance(event, InboundRouted)] == [InboundAction.OPT_OUT] * 3
    assert life.counted("opt_out") == 2


async def test_an_opt_out_of_last_year_is_no_new_one(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.handle([handset.says("STOPP")])
    first = outbox.sent[0]
    outbox.sent.clear()

    await life.handle([handset.says("STOPP", after=later(days=366))])

    assert (outbox.sent[0].topic, outbox.sent[0].key) == (first.topic, first.key)
    assert told(outbox.sent, SendRequested) == []


async def test_an_opt_out_from_one_sender(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number(stop=StopScope.SENDER)

    await life.handle([handset.says("STOPP")])

    (opt_out,), (confirmation,) = told(outbox.sent, OptOutRequested), told(outbox.sent, SendRequested)
    assert isinstance(opt_out, OptOutRequested)
    assert isinstance(confirmation, SendRequested)
    assert opt_out.scope == "2012"
    text = life.sealer.open(ACME, confirmation.message_id, "content", confirmation.content)
    assert text == "Du er meldt av. Du får ikke flere SMS fra 2012."


async def test_stop_on_a_shared_number_is_for_all_who_answer_there_with_one_confirmation(
    life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number("2401", None)
    await life.keyword("pizza", "2401")
    await life.keyword("lodd", "2401", OTHER)
    await life.keyword("ny", "2401", AccountId("new"), state=KeywordState.ORDERED)

    await life.handle([handset.says("STOPP", "2401")])

    opted_out = told(outbox.sent, OptOutRequested)
    assert [one.account_id for one in opted_out if isinstance(one, OptOutRequested)] == [ACME, OTHER]
    assert len(told(outbox.sent, SendRequested)) == 1
    assert told(outbox.sent, InboundRouted) == []


@pytest.mark.parametrize(
    ("to", "text"), [("2099", "hei"), ("", ""), ("2401", "ukjent"), ("2401", "ny"), ("+4722225555", "STOPP")]
)
async def test_messages_for_nobody_are_kept_under_the_gateways_key_and_counted(
    life: Life, handset: Handset, outbox: Outbox, mongo: Any, to: str, text: str
) -> None:
    await life.number("2401", None)
    await life.keyword("ny", "2401", state=KeywordState.ORDERED)

    assert len(await life.handle([handset.says(text, to)])) == 1

    assert outbox.sent == []
    (row,) = await mongo.database["inbound_messages"].find().to_list(None)
    assert "account_id" not in row
    assert life.sealer.open(GATEWAY, row["_id"], "content", row["content"]) == text
    assert life.counted("nobodys") == 1


async def test_the_default_of_a_number_answers_what_matches_nothing(
    life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.keyword("*", reply="Skriv PIZZA")
    await life.keyword("pizza")

    await life.handle([handset.says("hva?")])

    (event,) = told(outbox.sent, InboundRouted)
    assert isinstance(event, InboundRouted)
    assert (event.keyword, event.action) == ("*", InboundAction.REPLY)


async def test_without_any_rule_the_numbers_owner_is_told(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.handle([handset.says("hei")])
    (event,) = told(outbox.sent, InboundRouted)
    assert isinstance(event, InboundRouted)
    assert (event.keyword, event.action, event.account_id) == (None, InboundAction.NONE, ACME)
    assert len(outbox.sent) == 1


@pytest.mark.parametrize("number", ["Skolen", "2012", "+4722225555", ""])
@pytest.mark.parametrize("text", ["pizza", "tips", "STOPP"])
async def test_who_cannot_be_answered_is_neither_answered_nor_charged(
    life: Life, keys: FileKeyStore, outbox: Outbox, number: str, text: str
) -> None:
    await life.number()
    await life.keyword("pizza")
    await life.keyword("tips", premium=PREMIUM)

    await life.handle([Handset(keys, number).says(text)])

    (event,) = told(outbox.sent, InboundRouted)
    assert isinstance(event, InboundRouted)
    assert (event.action, len(outbox.sent)) == (InboundAction.NONE, 1)


@pytest.mark.parametrize(
    ("changes", "answered", "charged"),
    [
        ({"state": AccountState.ACTIVE}, 1, 1),
        ({"state": AccountState.SUSPENDED}, 0, 0),
        ({"state": AccountState.CLOSED}, 0, 0),
        ({"state": AccountState.ACTIVE, "stopped_premium": True}, 1, 0),
    ],
)
async def test_a_stopped_account_answers_nobody_and_charges_nobody(
    life: Life, handset: Handset, outbox: Outbox, changes: dict[str, Any], answered: int, charged: int
) -> None:
    await life.number()
    await life.keyword("pizza")
    await life.keyword("tips", premium=PREMIUM)
    account = AccountChanged(account_id=ACME, organisation_id="acme", version=3, changed_at=START, **changes)
    life.accounts.apply(landed(handset.says("")), account)
    life.accounts.apply(landed(handset.says("")), msgspec.structs.replace(account, version=2, state="active"))

    await life.handle([handset.says("pizza"), handset.says("tips")])

    assert len(told(outbox.sent, SendRequested)) == answered
    assert len(told(outbox.sent, PremiumOrdered)) == charged
    assert len(told(outbox.sent, InboundRouted)) == 2


async def test_octets_are_passed_on(life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    await life.handle([handset.says("53544f50", coding=InboundCoding.BINARY)])
    (event,) = told(outbox.sent, InboundRouted)
    assert isinstance(event, InboundRouted)
    assert (event.coding, event.action) == (InboundCoding.BINARY, InboundAction.NONE)


async def test_what_was_erased_is_finished_and_forgotten(
    life: Life, handset: Handset, outbox: Outbox, keys: FileKeyStore
) -> None:
    await life.number()
    deliveries = [handset.says("hei")]
    keys.destroy(GATEWAY, Quarter((START.year - 2000) * 4 + (START.month - 1) // 3))

    assert len(await life.handle(deliveries)) == 1

    assert outbox.sent == []
    assert life.counted("erased") == 1


async def test_a_damaged_delivery_is_for_the_dead_letters(life: Life, handset: Handset, outbox: Outbox) -> None:
    good = handset.says("hei", delivered_as="c" * 32)
    value = (good.value or b"").replace(b"c" * 32, b"d" * 32)
    with pytest.raises(BadRecord, match="does not open"):
        await life.handle([Output(good.topic, good.partition, good.key, value, good.headers)])
    assert outbox.sent == []
