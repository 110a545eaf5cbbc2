"""Premium orders at the door: what is ordered, what is refused, and that a repeat orders the same."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.accounts.account import Account, Stops
from services.ingest.accounts.keys import ALL_SCOPES, Scope
from services.ingest.api.premium_drafting import charge_wanted
from services.ingest.api.problems import Rejected
from shared.contracts.codec import only
from shared.contracts.premium import ConsentKind, PremiumKind, PremiumOrdered
from shared.contracts.topics import PREMIUM_ORDERS
from shared.contracts.words import AccountState
from shared.ids import AccountId, partition_of
from shared.kafka.record import Output, Record
from shared.strex.agreements import Agreements
from tests.unit.ingest.api.door import AGREEMENT, PARTITIONS, START, Door

PASSWORDS, CHARGES = "/v1/premium/one-time-passwords", "/v1/premium/charges"
TERMS = {"to": "99999999", "price": 4200, "service_code": "06002", "invoice_text": "Bussbillett"}
CODED = {**TERMS, "id": "4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004", "one_time_password": "1234"}
CONSENTED = {**TERMS, "consent_ref": "avtale 7781"}
KEYED = {"idempotency-key": "k-0"}


def order_of(output: Output) -> PremiumOrdered:
    return only(PremiumOrdered, Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers))


async def ordered(door: Door, path: str, body: object, **options: Any) -> tuple[dict[str, Any], PremiumOrdered]:
    answer = await door.post(body, path, **options)
    assert answer.status_code == 202, answer.text
    return answer.json(), order_of(door.broker.records[-1])


def fault(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    told = answer.json()
    return answer.status_code, told["code"], [(each["pointer"], each["code"]) for each in told.get("errors", ())]


async def test_a_code_is_ordered_with_the_terms_of_the_charge_to_come(door: Door) -> None:
    answer, order = await ordered(door, PASSWORDS, {**TERMS, "text": "Koden:", "reference": "r-1", "age": 18})
    assert answer == {
        "id": order.transaction_id,
        "to": "+4799999999",
        "kind": "one_time_password",
        "price": 4200,
        "state": "accepted",
    }
    assert (order.kind, order.account_id, order.ordered_at) == (PremiumKind.ONE_TIME_PASSWORD, "acme", START)
    terms = order.terms
    assert (terms.merchant_id, terms.short_number, terms.price, terms.age) == ("mer_test", "2002", 4200, 18)
    assert terms.business_model == "STREX-PAYMENT"
    assert order.consent is None
    assert order.reference == "r-1"


async def test_the_number_is_sealed_under_its_transaction_and_the_record_lies_in_its_partition(door: Door) -> None:
    _, order = await ordered(door, CHARGES, {**CODED, "text": "Kvittering"})
    record = door.broker.records[-1]
    assert (record.topic, record.partition) == (PREMIUM_ORDERS, partition_of(order.transaction_id, PARTITIONS))
    assert record.key == order.transaction_id.encode()
    assert dict(record.headers)["ce_id"].decode() == f"{order.transaction_id}:charge"
    assert record.value is not None
    for secret in (b"99999999", b'1234"', b"Kvittering"):
        assert secret not in record.value
    opened = {
        name: door.sealer.open(order.account_id, order.transaction_id, name, getattr(order, name))
        for name in ("to", "content", "one_time_password")
    }
    assert opened == {"to": "+4799999999", "content": "Kvittering", "one_time_password": "1234"}
    assert order.pseudonym is not None
    assert order.pseudonym.startswith("2026:")


async def test_a_charge_keeps_how_the_user_agreed(door: Door) -> None:
    answer, coded = await ordered(door, CHARGES, CODED)
    assert answer["id"] == coded.transaction_id == CODED["id"]
    assert coded.consent is not None
    assert (coded.consent.kind, coded.consent.reference) == (ConsentKind.ONE_TIME_PASSWORD, CODED["id"])
    _, declared = await ordered(door, CHARGES, {**CONSENTED, "short_number": "2003"}, headers=KEYED)
    assert declared.consent is not None
    assert (declared.consent.kind, declared.consent.reference) == (ConsentKind.DECLARED, "avtale 7781")
    assert (declared.terms.short_number, declared.consent.at) == ("2003", START)
    assert declared.actor is not None


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"consent_ref": None}, [("", "consent_missing")]),
        ({"id": CODED["id"]}, [("", "consent_missing")]),
        ({"id": CODED["id"], "one_time_password": "1234"}, [("", "consent_missing")]),
        ({"consent_ref": None, "one_time_password": "1234"}, [("", "consent_missing")]),
        ({"consent_ref": None, "id": "-" + str(CODED["id"]), "one_time_password": "1234"}, [("/id", "unknown_value")]),
        ({"consent_ref": None, "id": "x", "one_time_password": "1234"}, [("/id", "unknown_value")]),
        ({"price": 99}, [("/price", "out_of_range")]),
        ({"price": 60_001}, [("/price", "out_of_range")]),
        ({"price": 50_001, "service_code": "04002"}, [("/price", "out_of_range")]),
        ({"price": 0}, [("/price", "out_of_range")]),
        ({"price": 42.5}, [("/price", "wrong_type")]),
        ({"to": "+46701234567"}, [("/to", "not_a_mobile")]),
        ({"to": "22225555"}, [("/to", "not_a_mobile")]),
        ({"to": "1"}, [("/to", "invalid_number")]),
        ({"age": 17}, [("/age", "unknown_value")]),
        ({"invoice_text": ""}, [("/invoice_text", "too_short")]),
        ({"short_number": "Kiosken"}, [("/short_number", "wrong_type")]),
        ({"service_code": "6002"}, [("/service_code", "wrong_type")]),
        ({"consent_ref": None, "id": CODED["id"], "one_time_password": "12"}, [("/one_time_password", "wrong_type")]),
        ({"text": "a\0b"}, [("/text", "nul_in_text")]),
        ({"merchant_id": "mer_other"}, [("/merchant_id", "unknown_field")]),
    ],
)
async def test_a_charge_that_is_wrong_is_refused_by_the_field(
    door: Door, change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    body = {name: value for name, value in {**CONSENTED, **change}.items() if value is not None}
    answer = await door.post(body, CHARGES, headers=KEYED)
    assert fault(answer) == (422, "invalid_request", errors)
    assert (door.broker.records, door.rows.rows) == ([], {})


def test_a_price_with_ore_is_refused_where_crowns_are_agreed() -> None:
    agreed = Agreements([msgspec.structs.replace(AGREEMENT, whole_crowns=True)])
    body, account = msgspec.json.encode({**CONSENTED, "price": 4250}), Account(AccountId("acme"), "Acme")
    with pytest.raises(Rejected) as refused:
        charge_wanted(body, account, agreed)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/price", "out_of_range")]
    assert charge_wanted(body, account, Agreements([AGREEMENT])).terms.price == 4250


def test_what_any_agreement_covers_is_charged_also_where_another_for_the_service_stands_before_it() -> None:
    crowns = msgspec.structs.replace(AGREEMENT, merchant_id="mer_crowns", whole_crowns=True, most=10_000)
    both, account = Agreements([crowns, AGREEMENT]), Account(AccountId("acme"), "Acme")
    for price, merchant in ((4200, "mer_crowns"), (4250, "mer_test"), (20_000, "mer_test")):
        terms = charge_wanted(msgspec.json.encode({**CONSENTED, "price": price}), account, both).terms
        assert (terms.merchant_id, both.cover(account.account_id, terms)) == (merchant, True)


@pytest.mark.parametrize(
    "change",
    [{"service_code": "14002"}, {"service_code": "89001"}, {"service_code": "99999"}, {"short_number": "2099"}],
)
async def test_what_is_not_agreed_is_refused(door: Door, change: dict[str, str]) -> None:
    answer = await door.post({**CONSENTED, **change}, CHARGES, headers=KEYED)
    assert fault(answer) == (403, "premium_not_agreed", [("/service_code", "not_agreed")])
    assert (door.broker.records, door.rows.rows) == ([], {})


async def test_an_account_without_agreement_charges_nobody(door: Door) -> None:
    async with door.client_with(door.add(Account(AccountId("other"), "Other"))) as client:
        answer = await client.post(CHARGES, json=CONSENTED, headers=KEYED)
    assert (answer.status_code, answer.json()["code"]) == (403, "premium_not_agreed")
    assert (door.broker.records, door.rows.rows) == ([], {})


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({"state": AccountState.SUSPENDED}, "account_suspended"),
        ({"stops": Stops(premium=True)}, "premium_suspended"),
        ({"stops": Stops(senders=("2002",))}, "sender_suspended"),
    ],
)
@pytest.mark.parametrize(("path", "body"), [(PASSWORDS, TERMS), (CHARGES, CONSENTED)])
async def test_whoever_is_suspended_charges_nobody(
    door: Door, account: dict[str, Any], code: str, path: str, body: object
) -> None:
    async with door.client_with(door.add(Account(AccountId("acme"), "Acme", **account))) as client:
        answer = await client.post(path, json=body, headers=KEYED)
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert (door.broker.records, door.rows.rows) == ([], {})


@pytest.mark.parametrize("scopes", [ALL_SCOPES | {Scope.TEST}, frozenset({Scope.READ})])
async def test_money_is_never_a_test_and_needs_the_scope_to_send(door: Door, scopes: frozenset[Scope]) -> None:
    key = door.add(Account(AccountId("acme"), "Acme"), scopes=scopes)
    async with door.client_with(key) as client:
        answer = await client.post(CHARGES, json=CONSENTED, headers=KEYED)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (door.broker.records, door.rows.rows) == ([], {})


async def test_a_repeat_gets_the_same_answer_and_orders_nothing(door: Door) -> None:
    headers = {"idempotency-key": "k-1"}
    first = await door.post(CONSENTED, CHARGES, headers=headers)
    again = await door.post(CONSENTED, CHARGES, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(door.broker.records) == 1
    other = await door.post({**CONSENTED, "price": 4300}, CHARGES, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_the_answer_to_a_code_is_never_the_answer_to_a_charge(door: Door) -> None:
    headers = {"idempotency-key": "k-1"}
    assert (await door.post(TERMS, PASSWORDS, headers=headers)).status_code == 202
    charge = await door.post(CONSENTED, CHARGES, headers=headers)
    assert (charge.status_code, charge.json()["code"]) == (409, "idempotency_key_reused")
    assert [order_of(record).kind for record in door.broker.records] == [PremiumKind.ONE_TIME_PASSWORD]


async def test_a_repeat_after_a_broken_write_orders_the_same_transaction(door: Door) -> None:
    headers = {"idempotency-key": "k-1"}
    door.broker.failing = True
    failed = await door.post(CONSENTED, CHARGES, headers=headers)
    assert (failed.status_code, failed.json()["detail"]) == (503, "broker_unavailable")
    door.broker.failing = False
    door.clock.advance(60)
    again = await door.post(CONSENTED, CHARGES, headers=headers)
    assert again.status_code == 202
    first, second = map(order_of, door.broker.records)
    assert first.transaction_id == second.transaction_id == again.json()["id"]
    assert first.ordered_at == second.ordered_at == START


async def test_a_charge_without_code_needs_a_key_so_that_a_repeat_charges_nobody_twice(door: Door) -> None:
    answer = await door.post(CONSENTED, CHARGES)
    assert fault(answer) == (422, "invalid_request", [("", "idempotency_key_missing")])
    assert (door.broker.records, door.rows.rows) == ([], {})


async def test_a_charge_with_a_code_is_one_by_its_id_without_a_key(door: Door) -> None:
    ids = {(await ordered(door, CHARGES, CODED))[0]["id"] for _ in range(3)}
    assert ids == {CODED["id"]}


async def test_codes_without_a_key_are_transactions_of_their_own(door: Door) -> None:
    ids = {(await ordered(door, PASSWORDS, TERMS))[0]["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_charges_count_against_the_limits_of_the_account(door: Door) -> None:
    answer = await door.post(CONSENTED, CHARGES, headers=KEYED)
    assert answer.headers["ratelimit-remaining"] == "9999"


async def test_nobody_charges_without_a_key(door: Door) -> None:
    for path in (PASSWORDS, CHARGES):
        answer = await door.client_with("none").post(path, json=CONSENTED, headers=KEYED)
        assert answer.status_code == 401
    assert (door.broker.records, door.rows.rows) == ([], {})
