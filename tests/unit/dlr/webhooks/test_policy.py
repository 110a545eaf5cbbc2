"""Which event goes where, what it says there, and what is chosen in a sweep."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from services.dlr.api.asking import decode
from services.dlr.webhooks.api.bodies import EndpointChange, NewEndpoint
from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.client.targets import parse_target
from services.dlr.webhooks.delivery.delivery import DeliveryId, delivery_id
from services.dlr.webhooks.delivery.payload import render
from services.dlr.webhooks.delivery.store import Candidate
from services.dlr.webhooks.delivery.sweeper import choose
from services.dlr.webhooks.delivery.switching import Note, note_of
from services.dlr.webhooks.endpoints.endpoint import EndpointId, Secret
from services.dlr.webhooks.endpoints.occasion import Occasion
from services.dlr.webhooks.endpoints.policy import Known, callback, places_for, wants_callback
from services.dlr.webhooks.endpoints.secrets import OLD_SECRET, Secrets, replaced, valid
from shared.clock import ManualClock
from shared.contracts.events import MessageStatusChanged, PartState
from shared.contracts.states import State
from shared.errors import Refused
from shared.privacy.keys import FileKeyStore, quarter_of
from shared.privacy.sealing import Sealed, Sealer
from tests.unit.dlr.building import ACCOUNT, MESSAGE, START
from tests.unit.dlr.webhooks.test_courier import place

NUMBER = "+4790000001"


def event(state: State = State.DELIVERED, to: bytes = b"", url: str | None = None) -> MessageStatusChanged:
    return MessageStatusChanged(
        message_id=MESSAGE,
        account_id=ACCOUNT,
        to=Sealed(to),
        state=state,
        sequence=4,
        at=START,
        previous=State.SUBMITTED,
        reference="order 7",
        operator="fjord",
        operator_code="034",
        part_states=(PartState(part=1, state=state),),
        callback_url=url,
    )


def test_an_endpoint_gets_the_states_it_wants() -> None:
    every = msgspec.structs.replace(place("a"), states=frozenset(Occasion))
    known = Known((every, place("b")))
    assert [one.channel for one in places_for(event(State.QUEUED), known)] == ["a"]
    assert [one.channel for one in places_for(event(State.DELIVERED), known)] == ["a", "b"]


@pytest.mark.parametrize(
    ("state", "url", "wanted"),
    [
        (State.DELIVERED, "https://example.org/", "https://example.org/"),
        (State.QUEUED, "https://example.org/", None),
        (State.DELIVERED, None, None),
        (State.DELIVERED, "https://example.com/", None),
    ],
)
def test_a_callback_is_called_for_final_states_and_not_beside_the_same_endpoint(
    state: State, url: str | None, wanted: str | None
) -> None:
    assert wants_callback(event(state, url=url), [place("a")]) == wanted


def test_callbacks_to_one_origin_share_one_fate() -> None:
    urls = ["https://example.com/a?1", "https://example.com/b", "https://example.org/a?1"]
    one, two, other = (callback(ACCOUNT, url, parse_target(url), ()) for url in urls)
    assert one.channel == two.channel != other.channel
    assert len({delivery_id("e", each.endpoint_id, each.url) for each in (one, two, other)}) == 3


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.fixture
def sealer(keys: FileKeyStore) -> Sealer:
    return Sealer(keys, ManualClock(START))


def test_the_body_shows_the_message_at_its_event(sealer: Sealer, keys: FileKeyStore) -> None:
    sealed = sealer.seal(ACCOUNT, MESSAGE, "to", NUMBER, START)
    body = render("e:4", event(to=sealed), sealer)
    assert body == render("e:4", event(to=sealed), sealer)
    shown = json.loads(body)
    assert (shown["id"], shown["type"], shown["created_at"]) == (
        "e:4",
        "message.delivered",
        "2026-11-23T08:00:00.123000Z",
    )
    assert shown["data"] == {
        "id": MESSAGE,
        "to": NUMBER,
        "reference": "order 7",
        "state": "delivered",
        "previous": "submitted",
        "final": True,
        "reason": None,
        "permanent": None,
        "sequence": 4,
        "parts": 1,
        "part_states": [{"part": 1, "state": "delivered"}],
        "operator": "fjord",
        "operator_code": "034",
        "price": None,
        "at": "2026-11-23T08:00:00.123000Z",
        "test": False,
    }
    keys.destroy(ACCOUNT, quarter_of(START))
    assert json.loads(render("e:4", event(to=sealed), Sealer(keys, ManualClock(START))))["data"]["to"] is None


def test_secrets_outlive_the_keys_of_quarters_and_rotate(sealer: Sealer, keys: FileKeyStore) -> None:
    octets = iter([b"a", b"b"])
    secrets = Secrets(sealer, lambda count: next(octets) * count)
    endpoint = EndpointId("whe_1")
    (_, old), (shown, new) = (secrets.make(ACCOUNT, endpoint) for _ in range(2))
    assert shown.startswith("whsec_")
    assert shown.encode() not in bytes(new.sealed)
    keys.destroy(ACCOUNT, quarter_of(START))
    rotated = replaced((old,), new, START)
    assert rotated == (new, Secret(old.sealed, START + OLD_SECRET))
    fresh = Secrets(Sealer(keys, ManualClock(START)), bytes)
    assert fresh.keys(ACCOUNT, endpoint, valid(rotated, START + timedelta(hours=23))) == (b"b" * 32, b"a" * 32)
    assert fresh.keys(ACCOUNT, endpoint, valid(rotated, START + timedelta(hours=24))) == (b"b" * 32,)


def test_rotating_often_keeps_a_few_secrets() -> None:
    secrets: tuple[Secret, ...] = ()
    for number in range(10):
        secrets = replaced(secrets, Secret(Sealed(bytes([number]))), START + timedelta(seconds=number))
    assert [secret.sealed for secret in secrets] == [b"\x09", b"\x08", b"\x07", b"\x06"]


def test_a_sweep_takes_what_fits_and_names_who_is_full() -> None:
    due = [Candidate(DeliveryId(str(number)), channel, START) for number, channel in enumerate("aababc")]
    chosen, full = choose(due, {"a": 1, "b": 5, "c": 0}.__getitem__)
    assert [(one.id, one.channel) for one in chosen] == [("0", "a"), ("2", "b"), ("4", "b")]
    assert full == {"a", "c"}


DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("since", "outcome", "note"),
    [
        (None, Outcome(status=200), None),
        (START - DAYS, Outcome(status=204), Note.WORKING),
        (None, Outcome(status=500), Note.FAILING),
        (None, Outcome(failure=Failure.TIMEOUT), Note.FAILING),
        (None, Outcome(failure=Failure.BUSY), None),
        (START - 4 * DAYS, Outcome(failure=Failure.BUSY), None),
        (START - 2 * DAYS, Outcome(status=500), None),
        (START - 3 * DAYS, Outcome(status=500), Note.OFF_FAILING),
        (None, Outcome(status=410), Note.OFF_GONE),
    ],
)
def test_what_an_outcome_says_of_an_endpoint(since: object, outcome: Outcome, note: Note | None) -> None:
    known = msgspec.structs.replace(place("a"), failing_since=since)
    assert note_of(known, outcome, START) is note
    assert note_of(msgspec.structs.replace(known, callback=True), outcome, START) is None


@pytest.mark.parametrize(
    ("body", "code", "pointer", "field_code"),
    [
        (b"{", "invalid_json", None, None),
        (b"\xff", "invalid_json", None, None),
        (b"[]", "invalid_request", "", "wrong_type"),
        (b"{}", "invalid_request", "/url", "missing_field"),
        (b'{"url": 1}', "invalid_request", "/url", "wrong_type"),
        (b'{"url": ""}', "invalid_request", "/url", "too_short"),
        (b'{"url": "x", "secret": "y"}', "invalid_request", "/secret", "unknown_field"),
        (b'{"url": "x", "+4790000001": "y"}', "invalid_request", "", "unknown_field"),
        (b'{"url": "x", "states": []}', "invalid_request", "/states", "too_short"),
        (b'{"url": "x", "states": ["delivered", "lost"]}', "invalid_request", "/states/1", "unknown_value"),
    ],
)
def test_a_fault_names_its_field(body: bytes, code: str, pointer: str | None, field_code: str | None) -> None:
    with pytest.raises(Refused) as caught:
        decode(body, NewEndpoint)
    assert caught.value.code == code
    assert [(error.pointer, error.code) for error in caught.value.errors] == (
        [] if pointer is None else [(pointer, field_code)]
    )


def test_what_is_not_named_is_told_from_what_is() -> None:
    change = decode(b'{"enabled": false}', EndpointChange)
    assert (change.enabled, change.url, change.states) == (False, msgspec.UNSET, msgspec.UNSET)
