from __future__ import annotations

import msgspec
import pytest

from services.ingest.idempotency.key import IdempotencyKey, fingerprint, read_key, row_id
from shared.errors import Refused
from shared.ids import AccountId


@pytest.mark.parametrize("value", [b"!", b"~", b"x" * 128, b"5f0c1e7a-7d0b-4c39", b'"quoted"'])
def test_visible_characters_are_a_key(value: bytes) -> None:
    assert read_key([value]) == value.decode()


@pytest.mark.parametrize(
    "values", [[], [b""], [b"a b"], [b"\x7f"], [b"\xc3\xa6"], [b"x" * 129], [b"a", b"a"], [b"a\n"]]
)
def test_anything_else_is_none_and_is_not_quoted(values: list[bytes]) -> None:
    with pytest.raises(Refused) as error:
        read_key(values)
    assert error.value.code == "invalid_idempotency_key"
    assert "x" * 129 not in error.value.detail


def test_a_row_is_named_by_account_and_a_hash() -> None:
    one = row_id(AccountId("acme"), IdempotencyKey("order-99999999"))
    assert one.startswith("acme:")
    assert "99999999" not in one
    assert one != row_id(AccountId("acme2"), IdempotencyKey("order-99999999"))
    assert one.removeprefix("acme:") != row_id(AccountId("acme2"), IdempotencyKey("order-99999999")).removeprefix(
        "acme2:"
    )


@pytest.mark.parametrize(
    "body", [b'{"b":"\xc3\xa5","a":[1,2]}', b' { "a" : [ 1 , 2 ] ,\n"b" : "\\u00e5" } ', b'{"a":[1,2],"b":"\\u00E5"}']
)
def test_a_body_has_one_fingerprint_however_it_is_written(body: bytes) -> None:
    assert fingerprint(body) == fingerprint('{"a":[1,2],"b":"å"}'.encode())


@pytest.mark.parametrize("body", [b'{"a":[2,1],"b":"a"}', b'{"a":[1,2]}', b'{"a":[1,2],"b":"a","c":null}', b"[]"])
def test_another_body_has_another(body: bytes) -> None:
    assert fingerprint(body) != fingerprint(b'{"a":[1,2],"b":"a"}')


def test_a_fingerprint_stays_what_it_is() -> None:
    """Rows live for days: a release must find what the one before it wrote."""
    assert (
        fingerprint(b'{"to":"99999999","text":"Hei"}')
        == "0ffd515e6b9847d9428fbc99cdf8c5833317372ba623e4e0342bbc44d10515c2"
    )


def test_what_is_no_json_has_none() -> None:
    with pytest.raises(msgspec.DecodeError):
        fingerprint(b"{")
