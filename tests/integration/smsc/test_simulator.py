"""The simulated SMSC in this process: what it takes, answers, delivers, and shows."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.clock import SystemClock
from shared.smpp.backoff import Backoff
from shared.smpp.constants import (
    ESME_RINVPASWD,
    ESME_RINVSYSID,
    ESME_RMSGQFUL,
    ESME_ROK,
    ESME_RTHROTTLED,
    USER_MESSAGE_REFERENCE,
)
from shared.smpp.errors import BindRefused
from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import Receipt, ReceiptState, id_candidates, parse
from shared.smpp.results import Accepted, Refused
from shared.smpp.settings import BindMode
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.smsc import Options, Smsc
from tests.integration.smsc.conftest import Esme
from tests.support import wait_until

MESSAGE = SubmitSm(
    source_addr_ton=5,
    source_addr=b"Budstikke",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=b"4799999999",
    registered_delivery=1,
    short_message=b"hei",
)


async def receipt(esme: Esme, count: int = 1) -> Receipt:
    await wait_until(lambda: len(esme.delivered) == count)
    parsed = parse(esme.delivered[-1])
    assert parsed is not None
    return parsed


async def set_to(http: httpx.AsyncClient, **settings: Any) -> None:
    response = await http.put("/control", json=settings)
    assert response.status_code == 200, response.text


async def counters(http: httpx.AsyncClient) -> dict[str, int]:
    answer: dict[str, int] = (await http.get("/control")).json()["counters"]
    return answer


async def test_a_message_is_taken_and_its_receipt_comes_back(esme: Esme, http: httpx.AsyncClient) -> None:
    bind = await esme.bind()

    result = await bind.submit(MESSAGE)

    assert isinstance(result, Accepted)
    got = await receipt(esme)
    assert (got.message_id, got.state, got.err) == (result.message_id, ReceiptState.DELIVERED, "000")
    assert (esme.delivered[0].source_addr, esme.delivered[0].destination_addr) == (b"4799999999", b"Budstikke")
    await wait_until(lambda: bind.unanswered == 0)
    shown = await counters(http)
    assert (shown["taken"], shown["duplicates"], shown["refused"], shown["sessions"]) == (1, 0, 0, 1)


async def test_a_receipt_waits_for_a_bind_that_takes_deliveries(
    smsc: Smsc, esme: Esme, http: httpx.AsyncClient
) -> None:
    transmitter = await esme.bind(mode=BindMode.TRANSMITTER)
    await transmitter.submit(MESSAGE)
    await wait_until(lambda: smsc.counters.receipts_pending == 1)

    await esme.bind(system_id="another", mode=BindMode.RECEIVER)
    assert esme.delivered == []
    await esme.bind(mode=BindMode.RECEIVER)

    assert (await receipt(esme)).state is ReceiptState.DELIVERED


async def test_a_receipt_that_is_not_taken_comes_again(smsc: Smsc, esme: Esme, http: httpx.AsyncClient) -> None:
    smsc.deliveries.outbox._backoff = Backoff(first=0.01, longest=0.01)
    bind = await esme.bind()
    esme.answer = ESME_RMSGQFUL
    await bind.submit(MESSAGE)
    await wait_until(lambda: len(esme.delivered) >= 2)

    esme.answer = ESME_ROK

    await wait_until(lambda: smsc.counters.receipts_taken == 1)
    assert smsc.counters.receipts_pending == 0
    assert smsc.counters.receipts_repeated == len(esme.delivered) - 1


@pytest.mark.parametrize(
    ("settings", "registered_delivery", "expected"),
    [
        ({"receipts": "requested"}, 0, 0),
        ({"receipts": "requested"}, 1, 1),
        ({"receipts": "requested"}, 2, 0),
        ({"receipts": "requested", "receipt_state": "undeliverable"}, 2, 1),
        ({"receipts": "always"}, 0, 1),
        ({"receipts": "never"}, 1, 0),
    ],
)
async def test_receipts_are_sent_as_asked_and_as_set(
    smsc: Smsc,
    esme: Esme,
    http: httpx.AsyncClient,
    settings: dict[str, str],
    registered_delivery: int,
    expected: int,
) -> None:
    await set_to(http, **settings)
    bind = await esme.bind()

    await bind.submit(SubmitSm(registered_delivery=registered_delivery))

    assert smsc.counters.receipts_pending + smsc.counters.receipts_sent == expected


async def test_receipts_tell_the_state_and_error_that_were_set_in_another_base(
    esme: Esme, http: httpx.AsyncClient
) -> None:
    await set_to(
        http,
        receipt_state="undeliverable",
        receipt_err="03:001",
        receipt_tlvs=False,
        id_format="hex",
        receipt_id_format="decimal",
    )
    bind = await esme.bind()

    result = await bind.submit(MESSAGE)

    got = await receipt(esme)
    assert isinstance(result, Accepted)
    assert (got.state, got.err) == (ReceiptState.UNDELIVERABLE, "03:001")
    assert got.message_id != result.message_id
    assert got.message_id in id_candidates(result.message_id)
    assert esme.delivered[0].tlvs == ()


async def test_every_third_message_is_refused(esme: Esme, http: httpx.AsyncClient) -> None:
    await set_to(http, refuse_status=ESME_RTHROTTLED, refuse_every=3)
    bind = await esme.bind()

    results = [await bind.submit(MESSAGE) for _ in range(6)]

    assert [isinstance(result, Refused) for result in results] == [False, False, True] * 2
    assert results[2] == Refused(ESME_RTHROTTLED)
    shown = await counters(http)
    assert (shown["taken"], shown["refused"], shown["duplicates"]) == (4, 2, 3)


async def test_answers_can_be_late_and_keep_their_order(esme: Esme, http: httpx.AsyncClient) -> None:
    await set_to(http, response_delay_ms=20)
    bind = await esme.bind()

    submits = [bind.submit(MESSAGE) for _ in range(5)]
    assert (await http.get("/messages")).json()["messages"] == []
    results = [await submit for submit in submits]

    ids = [int(result.message_id) for result in results if isinstance(result, Accepted)]
    assert ids == sorted(ids)
    assert len(ids) == 5


async def test_messages_are_shown_numbered_from_a_number_on(esme: Esme, http: httpx.AsyncClient) -> None:
    bind = await esme.bind()
    udh = b"\x05\x00\x03\x07\x02\x01"
    for number in range(7):
        await bind.submit(
            SubmitSm(
                source_addr=b"2077",
                destination_addr=b"479999999%d" % number,
                esm_class=0x40,
                data_coding=8,
                short_message=udh + b"\x00\xe5",
            )
        )

    page = (await http.get("/messages", params={"after": 3, "limit": 2})).json()

    assert [message["number"] for message in page["messages"]] == [4, 5]
    assert page["next"] == 5
    shown = page["messages"][0]
    assert (shown["source"], shown["destination"], shown["data_coding"]) == ("2077", "4799999993", 8)
    assert (shown["udh"], shown["short_message"], shown["duplicate"]) == (udh.hex(), "00e5", False)
    kept = [message["number"] for message in (await http.get("/messages")).json()["messages"]]
    assert len(kept) == 5, "five bodies are kept"
    newest = (await http.get("/messages", params={"limit": 2})).json()["messages"]
    assert [message["number"] for message in newest] == kept[-2:]

    assert (await http.delete("/messages")).status_code == 204
    assert (await http.get("/messages")).json() == {"messages": [], "next": 0}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"receipt_delay_ms": -1}', "/receipt_delay_ms"),
        ('{"receipt_delay_ms": "1"}', "/receipt_delay_ms"),
        ('{"refuse_status": 0}', "/refuse_status"),
        ('{"refuse_every": 0}', "/refuse_every"),
        ('{"receipt_state": "lost"}', "/receipt_state"),
        ('{"id_format": null}', "/id_format"),
        ('{"receipts": "sometimes"}', "/receipts"),
        ('{"no_such_thing": 1}', "/no_such_thing"),
        ("[]", ""),
    ],
)
async def test_a_setting_that_cannot_be_is_named_and_nothing_changes(
    smsc: Smsc, http: httpx.AsyncClient, body: str, pointer: str
) -> None:
    before = smsc.behaviour

    response = await http.put("/control", content=body)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert smsc.behaviour == before


async def test_a_body_that_is_no_json_is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.put("/control", content="{")).json()["code"] == "invalid_json"


async def test_settings_not_named_stay_as_they_are(http: httpx.AsyncClient) -> None:
    await set_to(http, receipt_delay_ms=77)
    await set_to(http, refuse_status=8)

    settings = (await http.get("/control")).json()["settings"]

    assert (settings["receipt_delay_ms"], settings["refuse_status"]) == (77, 8)


async def test_a_message_from_a_handset_is_delivered_to_who_is_bound(esme: Esme, http: httpx.AsyncClient) -> None:
    incoming = {"source": "+4799999999", "destination": "2077", "short_message": "68656a"}
    assert (await http.post("/incoming", json=incoming)).status_code == 409
    await esme.bind()

    assert (await http.post("/incoming", json=incoming)).status_code == 202

    await wait_until(lambda: len(esme.delivered) == 1)
    message = esme.delivered[0]
    assert (message.source_addr, message.destination_addr, message.short_message) == (b"4799999999", b"2077", b"hej")
    assert (message.source_addr_ton, message.dest_addr_ton, message.esm_class) == (1, 3, 0)


async def test_a_text_from_a_handset_is_coded_and_has_a_reference_of_its_own(
    esme: Esme, http: httpx.AsyncClient
) -> None:
    await esme.bind()
    for changes in ({"text": "blåbær€"}, {"text": "på 😀"}, {"text": "hei", "reference": 7}):
        body = {"source": "+4799999999", "destination": "2077", **changes}
        assert (await http.post("/incoming", json=body)).status_code == 202

    await wait_until(lambda: len(esme.delivered) == 3)

    gsm, ucs2, own = esme.delivered
    assert (gsm.data_coding, gsm.short_message) == (0, b"bl\x0fb\x1dr\x1be")
    assert (ucs2.data_coding, ucs2.short_message.decode("utf-16-be")) == (8, "på 😀")
    assert own.tlv(USER_MESSAGE_REFERENCE) == b"\0\x07"
    assert gsm.tlv(USER_MESSAGE_REFERENCE) != ucs2.tlv(USER_MESSAGE_REFERENCE)


@pytest.mark.parametrize("body", ["{}", '{"source": "1", "destination": "2077", "short_message": "abc"}'])
async def test_an_incoming_message_that_cannot_be_read_is_refused(http: httpx.AsyncClient, body: str) -> None:
    assert (await http.post("/incoming", content=body)).status_code == 422


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [("other", "secret", ESME_RINVSYSID), ("esme", "wrong", ESME_RINVPASWD)],
)
async def test_only_the_configured_user_may_bind(system_id: str, password: str, status: int) -> None:
    guarded = Smsc(Options(name="guarded", system_id="esme", password="secret"), Behaviour(), SystemClock())
    await guarded.start()
    esme = Esme(guarded)

    with pytest.raises(BindRefused) as caught:
        await esme.bind(system_id=system_id, password=password)
    await esme.bind()

    assert caught.value.status == status
    assert (guarded.counters.binds, guarded.counters.binds_refused) == (1, 1)
    await guarded.stop(1)
