"""Signatures by the Standard Webhooks scheme, so that existing verifiers work.

Signed is `<webhook-id>.<webhook-timestamp>.<body>` with HMAC-SHA-256 under the decoded secret; the header holds one
`v1,<base64>` per valid secret with spaces between. A secret is `whsec_<base64 of 24 to 64 octets>`.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Final

PREFIX: Final = "whsec_"
SECRET_OCTETS: Final = 32


def new_secret(token_bytes: Callable[[int], bytes]) -> str:
    """A new secret in the form that customers are shown."""
    return PREFIX + b64encode(token_bytes(SECRET_OCTETS)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret stands for."""
    return b64decode(secret.removeprefix(PREFIX), validate=True)


def headers(webhook_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> bytes:
    """The header lines of one attempt; no signature without keys. `timestamp` is seconds since 1970."""
    content = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    lines = b"webhook-id: %b\r\nwebhook-timestamp: %d\r\n" % (webhook_id.encode(), timestamp)
    if not keys:
        return lines
    signatures = b" ".join([b"v1," + b64encode(hmac.digest(key, content, "sha256")) for key in keys])
    return lines + b"webhook-signature: %b\r\n" % signatures
