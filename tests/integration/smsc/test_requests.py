"""What the simulated SMSC says to requests beside submit_sm."""

from __future__ import annotations

import pytest

from shared.smpp.addresses import Address
from shared.smpp.constants import (
    ESME_RCANCELFAIL,
    ESME_RINVDLNAME,
    ESME_RINVMSGID,
    ESME_RQUERYFAIL,
    ESME_RREPLACEFAIL,
    ESME_RTHROTTLED,
    MESSAGE_PAYLOAD,
)
from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import STATES, ReceiptState, parse
from shared.smpp.requests import (
    CancelSm,
    DataSm,
    DistributionList,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    Unsuccessful,
)
from shared.smpp.results import Accepted, Refused
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.smsc import Smsc
from tests.integration.smsc.conftest import Esme
from tests.support import wait_until

SENDER, HANDSET = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
MESSAGE = SubmitSm(
    source_addr=SENDER.value, destination_addr=HANDSET.value, registered_delivery=1, short_message=b"hei"
)
HOUR = Behaviour(receipt_delay_ms=3_600_000)


async def taken(esme: Esme) -> bytes:
    result = await esme.binds[0].submit(MESSAGE)
    assert isinstance(result, Accepted)
    return result.message_id


def told(message_id: bytes, state: ReceiptState) -> QueryAnswer:
    return QueryAnswer(message_id, message_state=STATES.index(state))


async def test_a_message_is_under_way_until_its_receipt(smsc: Smsc, esme: Esme) -> None:
    bind = await esme.bind()
    delivered = await taken(esme)
    await wait_until(lambda: len(esme.delivered) == 1)
    smsc.behaviour = HOUR
    under_way = await taken(esme)

    assert await bind.query(QuerySm(under_way, SENDER)) == told(under_way, ReceiptState.ENROUTE)
    assert await bind.query(QuerySm(delivered, SENDER)) == told(delivered, ReceiptState.DELIVERED)
    assert await bind.query(QuerySm(b"1", SENDER)) == Refused(ESME_RQUERYFAIL)
    assert await bind.query(QuerySm(delivered, HANDSET)) == Refused(ESME_RQUERYFAIL)


async def test_a_message_that_is_taken_back_is_deleted_once_and_its_receipt_says_so(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = Behaviour(receipt_delay_ms=200)
    bind = await esme.bind()
    message_id = await taken(esme)

    assert await bind.cancel(CancelSm(message_id=message_id, source=SENDER, destination=HANDSET)) == Accepted(b"")
    assert await bind.cancel(CancelSm(message_id=message_id, source=SENDER)) == Refused(ESME_RCANCELFAIL)
    assert await bind.cancel(CancelSm(message_id=b"1", source=SENDER)) == Refused(ESME_RINVMSGID)
    assert await bind.query(QuerySm(message_id, SENDER)) == told(message_id, ReceiptState.DELETED)

    await wait_until(lambda: len(esme.delivered) == 1)
    receipt = parse(esme.delivered[0])
    assert receipt is not None
    assert receipt.state is ReceiptState.DELETED


async def test_all_messages_to_a_handset_are_taken_back_at_once(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = HOUR
    bind = await esme.bind()
    ids = [await taken(esme), await taken(esme)]

    assert await bind.cancel(CancelSm(source=SENDER, destination=HANDSET)) == Accepted(b"")

    for message_id in ids:
        assert await bind.query(QuerySm(message_id, SENDER)) == told(message_id, ReceiptState.DELETED)


async def test_a_message_under_way_gets_another_text(smsc: Smsc, esme: Esme) -> None:
    smsc.behaviour = HOUR
    bind = await esme.bind()
    message_id = await taken(esme)

    assert await bind.replace(ReplaceSm(message_id, SENDER, short_message=b"nei")) == Accepted(b"")
    assert [each.message.short_message for each in smsc.taken.newest(9)] == [b"nei"]
    assert await bind.replace(ReplaceSm(b"1", SENDER)) == Refused(ESME_RINVMSGID)
    await bind.cancel(CancelSm(message_id=message_id, source=SENDER))
    assert await bind.replace(ReplaceSm(message_id, SENDER)) == Refused(ESME_RREPLACEFAIL)


async def test_a_data_sm_is_a_message_like_any_other(smsc: Smsc, esme: Esme) -> None:
    bind = await esme.bind()

    result = await bind.data(
        DataSm(source=SENDER, destination=HANDSET, registered_delivery=1, tlvs=((MESSAGE_PAYLOAD, b"hei"),))
    )

    assert isinstance(result, Accepted)
    await wait_until(lambda: len(esme.delivered) == 1)
    assert smsc.taken.newest(1)[0].message.content == b"hei"


@pytest.mark.parametrize("after", [0, 20])
async def test_a_submit_to_many_is_taken_for_each_address_and_not_for_lists(smsc: Smsc, esme: Esme, after: int) -> None:
    smsc.behaviour = Behaviour(receipt_delay_ms=0, response_delay_ms=after)
    bind = await esme.bind()
    another = Address(1, 1, b"4799999998")
    request = SubmitMulti(
        source=SENDER, destinations=(HANDSET, DistributionList(b"staff"), another), registered_delivery=1
    )

    result = await bind.submit_multi(request)

    assert isinstance(result, MultiAnswer)
    assert result.unsuccessful == (Unsuccessful(Address(0, 0, b"staff"), ESME_RINVDLNAME),)
    await wait_until(lambda: len(esme.delivered) == 2)
    assert {each.source_addr for each in esme.delivered} == {HANDSET.value, another.value}
    smsc.behaviour = Behaviour(refuse_status=ESME_RTHROTTLED)
    assert await bind.submit_multi(request) == Refused(ESME_RTHROTTLED)
