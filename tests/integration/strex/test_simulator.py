"""The simulated Strex over HTTP, by the test vectors of its guides and SDKs."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.clock import SystemClock
from simulators.strex.behaviour import Fault
from simulators.strex.export import COLUMNS
from simulators.strex.ledger import OSLO
from simulators.strex.profile import Profile, Scenario, Validity
from simulators.strex.transaction import report
from tests.integration.strex.peers import API_KEY, SERVER_KEY, Client, Simulator, one_time_password, transaction
from tests.support import wait_until

CHARGES = "/api/strex/transactions"
CODES = "/api/strex/one-time-passwords"


def fresh() -> str:
    return str(uuid4())


async def charged(client: Client, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Charge, and wait for the end."""
    wanted = fresh()
    posted = await client.call("POST", CHARGES, transaction(wanted, **fields))
    assert posted.status_code == 201
    return wanted, (await client.call("GET", f"{CHARGES}/{wanted}")).json()


async def test_ping_needs_no_signature_and_answers_with_quotes(client: Client) -> None:
    answer = await client.plain("GET", "/api/ping")
    assert (answer.status_code, answer.text) == (200, '"pong"')


async def test_a_charge_is_accepted_first_and_billed_later(simulator: Simulator, client: Client) -> None:
    simulator.behave(settle_ms=60_000, long_poll_ms=0)
    wanted = fresh()
    posted = await client.call("POST", CHARGES, transaction(wanted))
    assert posted.headers["location"] == f"{simulator.url}{CHARGES}/{wanted}"
    now = (await client.call("GET", f"{CHARGES}/{wanted}")).json()
    assert (now["statusCode"], now["billed"]) == ("Queued", None)
    assert report(simulator.strex.ledger.transactions[wanted])["delivered"] is None
    assert simulator.strex.ledger.totals().charged == 0


async def test_a_read_waits_for_the_end(client: Client) -> None:
    _, found = await charged(client, price=9.90)
    assert (found["statusCode"], found["detailedStatusCode"], found["billed"]) == ("Ok", "Delivered", True)
    assert (found["price"], found["timeout"], found["serviceCode"]) == (9.9, 10, "14002")
    assert found["created"].endswith("+00:00")
    assert "." in found["created"]


async def test_a_reversal_is_a_transaction_of_its_own_and_the_charge_stays(client: Client) -> None:
    wanted, _ = await charged(client)
    reversed_ = await client.call("DELETE", f"{CHARGES}/{wanted}")
    assert reversed_.status_code == 201
    assert reversed_.headers["location"].endswith(f"/-{wanted}")
    assert reversed_.json() == {"transactionId": f"-{wanted}"}
    reversal = (await client.call("GET", f"{CHARGES}/-{wanted}")).json()
    assert (reversal["statusCode"], reversal["price"]) == ("Reversed", -10)
    assert reversal["invoiceText"] == "Donation test"
    assert (await client.call("GET", f"{CHARGES}/{wanted}")).json()["statusCode"] == "Ok"
    assert (await client.call("DELETE", f"{CHARGES}/{wanted}")).status_code == 409
    assert (await client.call("DELETE", f"{CHARGES}/-{wanted}")).status_code == 409


async def test_what_was_not_billed_cannot_be_reversed(simulator: Simulator, client: Client) -> None:
    simulator.strex.ledger.profiles["+4798079008"] = Profile(barred=True)
    wanted, found = await charged(client)
    assert found["detailedStatusCode"] == "SubscriberBarred"
    answer = await client.call("DELETE", f"{CHARGES}/{wanted}")
    message = f"transaction id '{wanted}'hasn't been billed/processed and can't be reversed."
    assert (answer.status_code, answer.json()) == (409, {"Message": message})
    assert (await client.call("DELETE", f"{CHARGES}/{fresh()}")).status_code == 404


async def test_one_id_is_charged_once(simulator: Simulator, client: Client) -> None:
    wanted, _ = await charged(client)
    again = await client.call("POST", CHARGES, transaction(wanted))
    other = await client.call("POST", CHARGES, transaction(wanted, price=11))
    assert (again.status_code, other.status_code) == (201, 400)
    assert "DuplicateTransaction" in other.json()["Message"]
    totals = simulator.strex.ledger.totals()
    assert (totals.charges, totals.charged, totals.repeats) == (1, 1000, 2)


@pytest.mark.parametrize(
    "signed",
    [
        {"off": -301},
        {"off": 301},
        {"signed_body": b"another"},
        {"signed_method": "GET"},
        {"signed_uri": "http://elsewhere.test/api/strex/transactions"},
    ],
)
async def test_a_wrong_signature_is_answered_401_with_a_message(client: Client, signed: dict[str, Any]) -> None:
    answer = await client.call("POST", CHARGES, transaction(fresh()), **signed)
    assert answer.status_code == 401
    assert answer.json()["Message"]


async def test_a_nonce_is_good_once(client: Client) -> None:
    request = client.request("GET", f"{CHARGES}/{fresh()}", nonce="only-once")
    assert (await client.send(request)).status_code == 404
    assert (await client.send(client.request("GET", f"{CHARGES}/x", nonce="only-once"))).status_code == 401


async def test_rsa_keys_and_api_keys_are_good_and_unknown_ones_are_not(simulator: Simulator) -> None:
    key = rsa.generate_private_key(65537, 2048)
    simulator.authentication.keys["php"] = key.public_key()
    php, stranger = Client(simulator, "php", key), Client(simulator, "test", ec.generate_private_key(ec.SECP256R1()))
    assert (await php.call("GET", f"{CHARGES}/{fresh()}")).status_code == 404
    assert (await stranger.call("GET", f"{CHARGES}/{fresh()}")).status_code == 401
    assert (await php.plain("GET", f"{CHARGES}/x", {"X-ApiKey": API_KEY})).status_code == 404
    assert (await php.plain("GET", f"{CHARGES}/x", {"X-ApiKey": "wrong"})).status_code == 401
    assert (await php.plain("GET", f"{CHARGES}/x")).status_code == 401
    for each in (php, stranger):
        await each.close()


async def test_the_server_key_is_shown_under_both_paths(client: Client) -> None:
    for path in ("server/public-keys", "public-key"):
        shown = (await client.call("GET", f"/api/{path}/{SERVER_KEY}")).json()
        assert shown["publicKeyString"].startswith("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")


async def test_a_code_is_texted_and_shown_without_the_code(client: Client) -> None:
    wanted = fresh()
    assert (await client.call("POST", CODES, one_time_password(wanted))).status_code == 201
    shown = (await client.call("GET", f"{CODES}/{wanted}")).json()
    assert {name: shown[name] for name in one_time_password(wanted)} == one_time_password(wanted)
    assert "1234" not in str(shown.values())
    again = await client.call("POST", CODES, one_time_password(wanted))
    expected = {"Message": f"One-time password for '{wanted}' already exists."}
    assert (again.status_code, again.json()) == (400, expected)


async def test_the_code_opens_the_charge_of_its_id_alone(client: Client) -> None:
    wanted = fresh()
    await client.call("POST", CODES, one_time_password(wanted))
    _, other = await charged(client, oneTimePassword="1234")
    assert other["detailedStatusCode"] == "OneTimePasswordFailed"
    await client.call("POST", CHARGES, transaction(wanted, oneTimePassword="1234"))
    assert (await client.call("GET", f"{CHARGES}/{wanted}")).json()["statusCode"] == "Ok"


async def test_a_wrong_code_fails_and_too_many_are_the_end(client: Client) -> None:
    wanted = fresh()
    await client.call("POST", CODES, one_time_password(wanted))
    seen = []
    for code in ("0001", "0002", "0003", "1234"):
        await client.call("POST", CHARGES, transaction(wanted, oneTimePassword=code))
        seen.append((await client.call("GET", f"{CHARGES}/{wanted}")).json()["detailedStatusCode"])
    assert seen == ["OneTimePasswordFailed"] * 3 + ["MaxPinRetry"]


@pytest.mark.parametrize(
    ("profile", "fields", "code"),
    [
        (Profile(barred=True), {}, "SubscriberBarred"),
        (Profile(validity=Validity.BARRED), {}, "SubscriberBarred"),
        (Profile(known=False), {}, "UnknownSubscriber"),
        (Profile(age=None), {"age": 18}, "UnknownAge"),
        (Profile(age=17), {"age": 18}, "SubscriberTooYoung"),
        (Profile(validity=Validity.UNREGISTERED), {}, "RegistrationRequired"),
        (Profile(prepaid=True, balance=999), {}, "InsufficientFunds"),
        (Profile(limit_month=999), {}, "SubscriberLimitExceeded"),
        (Profile(limit_year=999), {}, "SubscriberLimitExceeded"),
        (Profile(limit_transaction=999), {}, "SubscriberLimitExceeded"),
        (Profile(), {"price": 0}, "InvalidAmount"),
        (Profile(), {"price": 0.99}, "InvalidAmount"),
        (Profile(), {"price": -1}, "InvalidAmount"),
        (Profile(), {"price": 1000.01}, "InvalidAmount"),
        (Profile(), {"price": 500.01, "serviceCode": "04002"}, "InvalidAmount"),
        (Profile(), {"price": 10, "serviceCode": "89001"}, "InvalidAmount"),
        (Profile(scenario=Scenario.ERROR), {}, "MnoError"),
    ],
)
async def test_what_the_subscriber_is_decides(
    simulator: Simulator, client: Client, profile: Profile, fields: dict[str, Any], code: str
) -> None:
    simulator.strex.ledger.profiles["+4798079008"] = profile
    _, found = await charged(client, **fields)
    assert (found["statusCode"], found["detailedStatusCode"], found["billed"]) == ("Failed", code, False)
    assert simulator.strex.ledger.totals().charges == 0


async def test_one_user_is_in_one_transaction_at_a_time(simulator: Simulator, client: Client) -> None:
    simulator.behave(settle_ms=200)
    first = fresh()
    await client.call("POST", CHARGES, transaction(first))
    _, second = await charged(client)
    assert second["detailedStatusCode"] == "UserInTransaction"
    assert (await client.call("GET", f"{CHARGES}/{first}")).json()["statusCode"] == "Ok"


async def test_a_charge_may_be_known_late_or_never_or_be_billed_after_all(simulator: Simulator, client: Client) -> None:
    simulator.behave(late_ms=300)
    ledger = simulator.strex.ledger
    ends = {}
    for scenario in (Scenario.LATE, Scenario.NEVER_KNOWN, Scenario.REBILLED, Scenario.BILLED_UNDELIVERED):
        ledger.profiles["+4798079008"] = Profile(scenario=scenario)
        wanted, found = await charged(client)
        delivered = report(ledger.transactions[wanted])["delivered"]
        ends[scenario] = (wanted, found["statusCode"], found["billed"], delivered)
    assert [end[1:] for end in ends.values()] == [
        ("Sent", None, None),
        ("Sent", None, None),
        ("Failed", False, False),
        ("Failed", True, False),
    ]
    late, never, rebilled = (ledger.transactions[ends[each][0]] for each in list(ends)[:3])
    await wait_until(lambda: late.state.billed is True and rebilled.state.billed is True)
    assert (late.state.status, rebilled.state.status) == ("Ok", "Rebilled")
    assert (report(late)["delivered"], report(never)["delivered"], never.state.billed) == (True, None, None)


@pytest.mark.parametrize(
    ("number", "test_in_prod", "status", "code"),
    [
        ("+4700000001", True, "Ok", "Delivered"),
        ("+4700000010", True, "Failed", "Undelivered"),
        ("+4700000020", True, "Failed", "SubscriberBarred"),
        ("+4700000077", True, "Ok", "Delivered"),
        ("+4700000001", False, "Failed", "UnknownSubscriber"),
    ],
)
async def test_fake_numbers_mean_something_only_when_it_is_said(
    client: Client, number: str, test_in_prod: bool, status: str, code: str
) -> None:
    _, found = await charged(client, recipient=number, properties={"TestInProd": True} if test_in_prod else {})
    assert (found["statusCode"], found["detailedStatusCode"]) == (status, code)


async def test_a_charged_message_shows_its_payment(client: Client) -> None:
    payment = {"merchantId": "mer_test", "serviceCode": "14002", "invoiceText": "x", "price": 42}
    body = {"sender": "2002", "recipient": "+4798079008", "content": "Takk!", "strex": payment}
    posted = await client.call("POST", "/api/out-messages", body)
    path = httpx.URL(posted.headers["location"]).path
    found: dict[str, Any] = {}

    async def settled() -> bool:
        found.update((await client.call("GET", path)).json())
        return found["statusCode"] == "Ok"

    await wait_until(settled)
    assert (found["strex"]["billed"], found["strex"]["price"], found["delivered"]) == (True, 42, True)


async def test_a_message_whose_payment_fails_is_not_delivered(simulator: Simulator, client: Client) -> None:
    simulator.strex.ledger.profiles["+4798079008"] = Profile(barred=True)
    payment = {"merchantId": "mer_test", "serviceCode": "14002", "invoiceText": "x", "price": 42}
    body = {"sender": "2002", "recipient": "+4798079008", "content": "Takk!", "strex": payment}
    posted = await client.call("POST", "/api/out-messages", body)
    path = httpx.URL(posted.headers["location"]).path
    found: dict[str, Any] = {}

    async def settled() -> bool:
        found.update((await client.call("GET", path)).json())
        return found["statusCode"] != "Queued"

    await wait_until(settled)
    assert (found["statusCode"], found["detailedStatusCode"]) == ("Failed", "SubscriberBarred")
    assert (found["strex"]["billed"], found["delivered"]) == (False, False)
    assert simulator.strex.ledger.totals().charged == 0


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_is_read_whatever_it_is_called(client: Client, kind: str | None) -> None:
    request = client.request("POST", CHARGES, transaction(fresh()))
    if kind is not None:
        request.headers["content-type"] = kind
    assert (await client.send(request)).status_code == 201


@pytest.mark.parametrize("body", [{}, {"transactionId": "x"}, transaction("x", price="much"), transaction("a/b"), []])
async def test_a_body_that_is_wrong_is_400_with_a_message(client: Client, body: object) -> None:
    answer = await client.call("POST", CHARGES, body)
    assert answer.status_code == 400
    assert answer.json()["Message"]


@pytest.mark.parametrize("fields", [{"timeToLive": 0}, {"timeToLive": 1441}, {"recurring": None}, {"recipient": None}])
async def test_a_code_that_cannot_be_asked_for_is_400_with_a_message(client: Client, fields: dict[str, Any]) -> None:
    answer = await client.call("POST", CODES, one_time_password(fresh(), **fields))
    assert answer.status_code == 400
    assert answer.json()["Message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", f"{CHARGES}/nobodys", 404),
        ("GET", f"{CODES}/nobodys", 404),
        ("GET", "/api/out-messages/nobodys", 404),
        ("GET", "/api/server/public-keys/nobodys", 404),
        ("PATCH", CHARGES, 405),
    ],
)
async def test_what_is_not_there_is_answered_in_json(client: Client, method: str, path: str, status: int) -> None:
    answer = await client.call(method, path)
    assert (answer.status_code, list(answer.json())) == (status, ["Message"])


@pytest.mark.parametrize(
    ("fault", "taken"),
    [(Fault.REFUSE, 0), (Fault.CUT, 0), (Fault.ERROR_AFTER, 1), (Fault.CUT_AFTER, 1), (Fault.HANG_AFTER, 1)],
)
async def test_it_can_fail_before_and_after_taking(
    simulator: Simulator, client: Client, fault: Fault, taken: int
) -> None:
    simulator.behave(fault=fault, hang_ms=20)
    wanted = fresh()
    try:
        answer = await client.call("POST", CHARGES, transaction(wanted))
        assert answer.status_code in {500, 503}
    except httpx.RemoteProtocolError:
        assert fault in {Fault.CUT, Fault.CUT_AFTER, Fault.HANG_AFTER}
    except httpx.ReadError:
        assert fault in {Fault.CUT, Fault.CUT_AFTER, Fault.HANG_AFTER}
    assert len(simulator.strex.ledger.transactions) == taken


async def test_the_daily_export_has_every_column_and_survives_line_breaks(client: Client) -> None:
    content = 'Takk, "Ola"\r\nHilsen oss'
    wanted, _ = await charged(client, content=content, recipient="+4799031520")
    await client.call("DELETE", f"{CHARGES}/{wanted}")
    await client.call("POST", CODES, one_time_password(fresh()))
    day = SystemClock().now().astimezone(OSLO).date().isoformat()
    answer = await client.plain("GET", f"/api/export/transactions/{day}.csv", {"X-ApiKey": API_KEY})
    rows = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert list(rows[0]) == list(COLUMNS)
    assert len(COLUMNS) == 33
    assert (rows[0]["Content"], rows[0]["Price"], rows[0]["ResultCode"]) == (content, "10.00", "0")
    assert (rows[1]["TransactionId"], rows[1]["Price"]) == (f"-{wanted}", "-10.00")
    assert (rows[2]["Price"], len(rows[2]["SmscTransactionId"])) == ("", 34)
    assert (await client.plain("GET", f"/api/export/transactions/{day}.csv")).status_code == 401


async def test_what_has_not_ended_is_in_the_daily_export_too(simulator: Simulator, client: Client) -> None:
    simulator.strex.ledger.profiles["+4799031520"] = Profile(scenario=Scenario.NEVER_KNOWN)
    sent, _ = await charged(client, recipient="+4799031520")
    simulator.behave(settle_ms=60_000)
    queued = fresh()
    await client.call("POST", CHARGES, transaction(queued))
    day = SystemClock().now().astimezone(OSLO).date().isoformat()
    answer = await client.plain("GET", f"/api/export/transactions/{day}.csv", {"X-ApiKey": API_KEY})
    rows = {row["TransactionId"]: row for row in csv.DictReader(StringIO(answer.text, newline=""))}
    assert (rows[sent]["StatusCode"], rows[sent]["ResultCode"]) == ("Sent", "")
    assert (rows[queued]["StatusCode"], rows[queued]["ResultCode"]) == ("Queued", "")


async def test_validity_is_told_for_plus_and_for_a_space(client: Client) -> None:
    for query in ("%2B4799031520", "+4799031520"):
        answer = await client.call("GET", f"/api/strex/validity?recipient={query}&merchantId=mer_test")
        assert (answer.status_code, answer.json()) == (200, "Full")
