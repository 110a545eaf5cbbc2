"""A long message that goes to the operator whole: one PDU, and as many parts as are charged."""

from __future__ import annotations

from shared.contracts.words import ReceiptState
from shared.privacy.keys import quarter_of
from shared.smpp.constants import MESSAGE_PAYLOAD
from shared.stores.mongodb import Database
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc
from tests.integration.dispatch.sweeping import Broom, route
from tests.integration.dispatch.test_receipts import deliver, receipt
from tests.integration.dispatch.test_unknowns import DUE, unanswered
from tests.unit.dispatch.building import Letters, received

LONG = "x" * 400
WHOLE = "message_payload"


async def handed_over(live: Live, smsc: Smsc, letters: Letters, **changes: object) -> Life:
    life = live(long_messages=WHOLE)
    order = received(letters.order(LONG, **changes))
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)
    return life


async def test_it_is_one_pdu_with_a_fact_for_each_part(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = await handed_over(live, smsc, letters)

    (submit,) = smsc.submits
    assert (submit.short_message, submit.tlv(MESSAGE_PAYLOAD), submit.esm_class) == (b"", LONG.encode(), 0)
    assert life.broker.kinds() == ["1:1:submitted", "2:1:submitted", "3:1:submitted"]
    assert {fact.operator_id for fact in life.broker.facts} == {"1"}


async def test_its_refusal_is_that_of_every_part(live: Live, smsc: Smsc, letters: Letters) -> None:
    smsc.statuses = [11]
    life = await handed_over(live, smsc, letters)
    assert life.broker.kinds() == ["1:1:refused", "2:1:refused", "3:1:refused"]


async def test_its_receipt_is_told_of_every_part_under_ids_of_their_own(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = await handed_over(live, smsc, letters)
    for _ in range(2):
        await deliver(life, smsc, receipt(b"1"))

    receipts = life.broker.receipts
    assert [event.part for event in receipts] == [1, 2, 3, 1, 2, 3]
    assert {event.state for event in receipts} == {ReceiptState.DELIVERED}
    assert len({event.receipt_id for event in receipts}) == 3


async def test_a_replay_sends_nothing_and_tells_the_same(live: Live, smsc: Smsc, letters: Letters) -> None:
    order = received(letters.order(LONG))
    first, second = live(long_messages=WHOLE), live(long_messages=WHOLE)
    for life in (first, second):
        await life.start([order])
        await life.handle([order])
        await life.until_finished(1)
        await life.die()

    assert len(smsc.submits) == 1
    assert second.broker.ids() == first.broker.ids()


async def test_what_was_erased_ends_in_every_part(live: Live, smsc: Smsc, letters: Letters) -> None:
    order = received(letters.order(LONG))
    letters.keys.destroy(order.event.message.account_id, quarter_of(order.event.message.requested_at))
    life = live(long_messages=WHOLE)
    await life.start([order])
    await life.handle([order])
    await life.until_finished(1)

    assert life.broker.kinds() == ["1:1:rejected", "2:1:rejected", "3:1:rejected"]
    assert smsc.submits == []


async def test_a_return_that_was_routed_to_a_whole_and_to_a_parting_operator_is_sent_by_one(
    live: Live, smsc: Smsc, letters: Letters, database: Database
) -> None:
    first, whole, parting, broom = live(), live(operator="tinde", long_messages=WHOLE), live(), Broom(database)
    await unanswered(first, smsc, received(letters.order(LONG)))
    await first.die()
    await broom.sweep(DUE)
    before = len(smsc.submits)

    for life, up in ((whole, "tinde"), (parting, "fjord")):
        (copy,) = await route(letters.sealer, broom.broker.outputs, up)
        await life.start([copy])
        await life.handle([copy])
        await life.until_finished(1)

    assert whole.broker.kinds() == ["1:2:submitted", "2:2:submitted", "3:2:submitted"]
    assert parting.broker.outputs == []
    assert len(smsc.submits) == before + 3
