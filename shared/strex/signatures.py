"""Signed requests as Strex Connect has them, in both directions. Pure but for the keys.

The text that is signed is `lower(method) + lower(absolute URI) + timestamp + nonce + hash of the body`, without
separators; the hash is base64 of SHA-256, and empty without a body. Keys are P-256 (the signature is r and s, 32 octets
each, not DER) or RSA (PKCS#1 v1.5), both with SHA-256. A request of ours carries `HMAC <signature>` in `Authorization`,
although no HMAC is in it; a call of theirs carries the same four parts in `X-ECDSA-Signature`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from shared.errors import Refused

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

CALLBACK_HEADER: Final = "X-ECDSA-Signature"
MOST_DRIFT: Final = 300
"""Seconds by which the clocks of both sides may differ."""

_COORDINATE: Final = 32
_SCHEME: Final = "HMAC"
_SCHEMES: Final = frozenset({"hmac", "ecdsa"})
_PARTS: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9]{1,12}):([^:\s]{1,128}):([A-Za-z0-9_+/=-]{1,1024})")


class Signature(msgspec.Struct, frozen=True):
    """The four parts of a signature, as the header has them."""

    key_name: str
    timestamp: int
    nonce: str
    octets: bytes

    def header(self) -> str:
        """`<key name>:<timestamp>:<nonce>:<signature>`."""
        return f"{self.key_name}:{self.timestamp}:{self.nonce}:{b64encode(self.octets).decode()}"

    def authorization(self) -> str:
        """The value of `Authorization`."""
        return f"{_SCHEME} {self.header()}"


class BadSignature(Refused):
    """A signature is missing, malformed, out of date, or not of this request."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_signature", detail)


def text_to_sign(method: str, uri: str, timestamp: int, nonce: str, body: bytes) -> bytes:
    """What is signed. `uri` is absolute, with its query, as it is sent."""
    return f"{method.lower()}{uri.lower()}{timestamp}{nonce}{content_hash(body)}".encode()


def content_hash(body: bytes) -> str:
    """Of a body; empty for none."""
    return b64encode(sha256(body).digest()).decode() if body else ""


def sign(
    key: PrivateKey, key_name: str, method: str, uri: str, body: bytes, *, timestamp: int, nonce: str
) -> Signature:
    """The signature of one request. `timestamp` is seconds since 1970, `nonce` unlike any other."""
    text = text_to_sign(method, uri, timestamp, nonce, body)
    if isinstance(key, rsa.RSAPrivateKey):
        return Signature(key_name, timestamp, nonce, key.sign(text, padding.PKCS1v15(), SHA256()))
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(SHA256())))
    return Signature(key_name, timestamp, nonce, r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big"))


def parse(value: str) -> Signature:
    """The parts of a signature header. Raises `BadSignature`."""
    match = _PARTS.fullmatch(value)
    if match is None:
        raise BadSignature("the signature does not have its four parts")
    name, timestamp, nonce, signature = match.groups()
    try:
        octets = b64decode(signature, validate=True)
    except binascii.Error:
        raise BadSignature("the signature is no base64") from None
    return Signature(name, int(timestamp), nonce, octets)


def parse_authorization(value: str) -> Signature:
    """The parts of an `Authorization` header of either name of the scheme. Raises `BadSignature`."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() not in _SCHEMES:
        raise BadSignature("the scheme is neither HMAC nor ECDSA")
    return parse(rest.strip())


def verify(key: PublicKey, signature: Signature, method: str, uri: str, body: bytes, *, now: float) -> None:
    """Return if the signature is of this request and not more than five minutes off. Raises `BadSignature`."""
    if abs(now - signature.timestamp) > MOST_DRIFT:
        raise BadSignature("timestamp clock-drift too big")
    text = text_to_sign(method, uri, signature.timestamp, signature.nonce, body)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.octets, text, padding.PKCS1v15(), SHA256())
        else:
            key.verify(_der(signature.octets), text, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise BadSignature("the signature is not of this request") from None


def read_private_key(pem: bytes) -> PrivateKey:
    """A P-256 or RSA key from PKCS#8 PEM. Raises `ValueError`."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the key cannot be used") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is neither P-256 nor RSA")
    return key


def read_public_key(text: str) -> PublicKey:
    """A key from base64 of DER SubjectPublicKeyInfo, as Strex shows and takes it. Raises `ValueError`."""
    try:
        key = load_der_public_key(b64decode(text, validate=True))
    except (binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError("the key cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey):
        return key
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is neither P-256 nor RSA")
    return key


def write_public_key(key: PublicKey) -> str:
    """Base64 of DER SubjectPublicKeyInfo."""
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _der(octets: bytes) -> bytes:
    if len(octets) != 2 * _COORDINATE:
        raise BadSignature("the signature is not r and s")
    r, s = int.from_bytes(octets[:_COORDINATE], "big"), int.from_bytes(octets[_COORDINATE:], "big")
    return encode_dss_signature(r, s)
