from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.ids import AccountId
from shared.internal.token import LIFETIME, Scope, sign, verify

SECRET = b"s" * 32
NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
TOKEN = sign(SECRET, AccountId("demo"), Scope.READ, NOW)


def test_a_token_says_who_asks_and_for_what() -> None:
    claims = verify(SECRET, TOKEN, NOW)
    assert (claims.account_id, claims.scope) == ("demo", Scope.READ)


def test_a_token_lives_for_half_a_minute() -> None:
    assert verify(SECRET, TOKEN, NOW + LIFETIME - timedelta(milliseconds=1)) == verify(SECRET, TOKEN, NOW)
    with pytest.raises(Refused, match="bad_internal_token"):
        verify(SECRET, TOKEN, NOW + LIFETIME)


def test_another_secret_signs_another_token() -> None:
    with pytest.raises(Refused, match="bad_internal_token"):
        verify(b"t" * 32, TOKEN, NOW)


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_changed_token_is_refused_or_says_the_same(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    try:
        claims = verify(SECRET, changed, NOW)
    except Refused:
        return
    assert claims == verify(SECRET, TOKEN, NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "a.b", "é.é", TOKEN.partition(".")[0], TOKEN + ".x", urlsafe_b64encode(b"{}").decode() + "."]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Refused, match="bad_internal_token"):
        verify(SECRET, token, NOW)
