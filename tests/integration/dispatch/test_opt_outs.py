"""Who has opted out gets nothing more, also of what was already on its way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from shared.contracts import topics
from shared.contracts.codes import Reason
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource, opt_out_key
from shared.contracts.words import Door, FactKind
from shared.ids import AccountId
from shared.privacy.pseudonyms import Pseudonyms
from tests.integration.dispatch.conftest import Live
from tests.integration.dispatch.rig import Life, Smsc
from tests.support import wait_until
from tests.unit.dispatch.building import ACCOUNT, NUMBER, Letters, as_record, received


def opt_out(life: Life, letters: Letters, scope: str = EVERY_SENDER, account: AccountId = ACCOUNT) -> None:
    at = datetime.now(UTC)
    pseudonym = Pseudonyms(letters.keys).of(account, NUMBER, at)
    event = OptOutRequested(account_id=account, scope=scope, pseudonym=pseudonym, at=at, source=OptOutSource.KEYWORD)
    record = as_record(topics.OPT_OUTS, event, "0000", opt_out_key(account, scope, pseudonym))
    life.opt_outs.apply(record, event)


async def test_who_has_opted_out_is_refused_just_before_submit(live: Live, smsc: Smsc, letters: Letters) -> None:
    life = live()
    order, other = received(letters.order()), received(letters.order(number="+4790000009"))
    await life.start([order])
    opt_out(life, letters)

    await life.handle([order, other])
    await life.until_finished(2)

    (refused,) = [fact for fact in life.broker.facts if fact.kind is FactKind.REJECTED]
    assert (refused.message_id, refused.code) == (order.event.message.message_id, Reason.OPTED_OUT)
    assert len(smsc.submits) == 1


async def test_one_who_opts_out_while_the_link_is_down_gets_nothing_when_it_is_up(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order())
    await smsc.stop()
    await life.start([order], bound=False)
    task = asyncio.create_task(life.handle([order]))

    opt_out(life, letters)
    await life.until_finished(1)
    await task

    assert [fact.code for fact in life.broker.facts] == [Reason.OPTED_OUT]


async def test_another_sender_and_another_account_still_reach_the_person(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    life = live()
    order = received(letters.order())
    await life.start([order])
    opt_out(life, letters, "skolen")
    opt_out(life, letters, account=AccountId("other"))

    await life.handle([order])
    await life.until_finished(1)

    assert len(smsc.submits) == 1


async def test_an_answer_to_the_person_goes_out(live: Live, smsc: Smsc, letters: Letters) -> None:
    """The confirmation of the opt-out, among others."""
    life = live()
    order = received(letters.order(door=Door.INBOUND))
    await life.start([order])
    opt_out(life, letters)

    await life.handle([order])
    await life.until_finished(1)

    assert len(smsc.submits) == 1


async def test_what_was_submitted_before_the_opt_out_stays_submitted_after_a_crash(
    live: Live, smsc: Smsc, letters: Letters
) -> None:
    first = live()
    order = received(letters.order())
    await first.start([order])
    await first.handle([order])
    await first.until_finished(1)
    await first.die()

    second = live()
    await second.start([order])
    opt_out(second, letters)
    await second.handle([order])
    await second.until_finished(1)

    assert second.broker.kinds() == ["1:1:submitted"]
    assert len(smsc.submits) == 1
    await wait_until(lambda: not second.settler.unresolved)
