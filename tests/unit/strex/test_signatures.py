"""The fixed values were computed with the P-256 key of RFC 6979 A.2.5, and are those of the guides of Strex Connect."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from shared.strex.signatures import (
    BadSignature,
    PrivateKey,
    Signature,
    content_hash,
    parse,
    parse_authorization,
    read_public_key,
    sign,
    text_to_sign,
    verify,
    write_public_key,
)

PUBLIC = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1"
    "+n1F3o8KU1EYimQ=="
)
AT = 1538052106
NONCE = "85029f0d-a036-4c8d-88a7-9b0fbae5a279"
LOOKUP = "https://test.target365.io/api/lookup?msisdn=%2B4798079008"
LOOKUP_SIGNATURE = "OLCtRJQatIosJMmtVdrT0MTh0BggT+Upbh28xcnEVMhkamjRXfoHdhcHbj7PQPnrbODm6pqKrcdZwA2GfumWiw=="
OUT = "https://test.target365.io/api/out-messages"
OUT_BODY = (
    b'{"transactionId":"8eb5e79d-0b3d-4e50-a4dd-7a939af4c4c3","sender":"2002","recipient":"+4798079008",'
    b'"content":"Hello World from SMS!","strex":{"merchantId":"mer_test","serviceCode":"14002",'
    b'"invoiceText":"Donation test","price":1}}'
)
OUT_SIGNATURE = "rQnA2ACHRmFgSQgEkWUQ0I63yoT1cItT7HJs9zD4sieHcaphhaZ8Gccljt5TJY3vi4DVgm9tVFItFOEWBzNX/g=="
KEYS = {"p256": ec.generate_private_key(ec.SECP256R1()), "rsa": rsa.generate_private_key(65537, 2048)}


def known(signature: str) -> Signature:
    return Signature("K", AT, NONCE, b64decode(signature))


def test_the_known_signatures_verify() -> None:
    key = read_public_key(PUBLIC)
    verify(key, known(LOOKUP_SIGNATURE), "GET", LOOKUP, b"", now=AT)
    verify(key, known(OUT_SIGNATURE), "POST", OUT, OUT_BODY, now=AT)


def test_the_text_is_lower_case_and_without_separators() -> None:
    assert text_to_sign("GET", LOOKUP, AT, NONCE, b"").decode() == (
        f"gethttps://test.target365.io/api/lookup?msisdn=%2b4798079008{AT}{NONCE}"
    )


def test_the_hash_is_that_of_the_guides_and_empty_without_a_body() -> None:
    assert content_hash(b"TEST") == "lO4FkzXlh+UBzEv5BhPggU8Ap7CLx8ZI/YZaKvaiLMI="
    assert content_hash(OUT_BODY) == "kxxBTswA6ZEPM8zqyLz0ibEszAGtaUx/3tpYUEo39ho="
    assert content_hash(b"") == ""


@pytest.mark.parametrize(
    ("method", "uri", "body"),
    [("PUT", OUT, OUT_BODY), ("POST", OUT + "/x", OUT_BODY), ("POST", OUT, OUT_BODY + b" "), ("POST", OUT, b"")],
)
def test_a_signature_is_of_one_request_alone(method: str, uri: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(read_public_key(PUBLIC), known(OUT_SIGNATURE), method, uri, body, now=AT)


@pytest.mark.parametrize("off", [-86_400, -301, 301])
def test_a_signature_of_another_time_is_refused(off: int) -> None:
    with pytest.raises(BadSignature, match="timestamp clock-drift too big"):
        verify(read_public_key(PUBLIC), known(LOOKUP_SIGNATURE), "GET", LOOKUP, b"", now=AT + off)


@pytest.mark.parametrize(
    "value", [":::", "", "K:now:n:AAAA", "K:1:n:", "K:1:n:AAAA:x", "K:1:n:%%%%", "K:1:n:A", "HMAC K:1:n:AAAA"]
)
def test_a_header_without_its_four_parts_is_refused(value: str) -> None:
    with pytest.raises(BadSignature):
        parse(value)


def test_a_signature_that_is_der_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.sign(text_to_sign("GET", OUT, AT, NONCE, b""), ec.ECDSA(SHA256()))
    with pytest.raises(BadSignature):
        verify(key.public_key(), Signature("K", AT, NONCE, der), "GET", OUT, b"", now=AT)


@pytest.mark.parametrize("scheme", ["HMAC", "ECDSA", "hmac"])
def test_both_names_of_the_scheme_are_taken(scheme: str) -> None:
    assert parse_authorization(f"{scheme} K:{AT}:{NONCE}:AAAA") == Signature("K", AT, NONCE, b"\0\0\0")


def test_another_scheme_is_refused() -> None:
    with pytest.raises(BadSignature):
        parse_authorization(f"Bearer K:{AT}:{NONCE}:AAAA")


def test_the_header_is_written_as_the_guides_have_it() -> None:
    signature = Signature("K", AT, NONCE, b"\0\0\0")
    assert signature.authorization() == f"HMAC K:{AT}:{NONCE}:AAAA"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@given(body=st.binary(max_size=64), path=st.text("abcXYZ%2B-", max_size=20))
def test_what_is_signed_verifies_after_the_way_over_the_header(key: PrivateKey, body: bytes, path: str) -> None:
    uri = f"https://example.test/api/{path}"
    signature = sign(key, "own", "POST", uri, body, timestamp=AT, nonce=NONCE)
    public = read_public_key(write_public_key(key.public_key()))
    verify(public, parse_authorization(signature.authorization()), "post", uri, body, now=AT + 299)


@pytest.mark.parametrize(
    "text", ["", "AAAA", "not base64", write_public_key(ec.generate_private_key(ec.SECP384R1()).public_key())]
)
def test_a_key_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|deserialize|ASN"):
        read_public_key(text)
