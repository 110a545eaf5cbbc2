"""Webhooks by the Standard Webhooks scheme: HMAC-SHA-256 over `id.timestamp.body`."""

from __future__ import annotations

import binascii
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping

from budstikke_client.errors import BadSignature
from budstikke_client.models import Event

_PREFIX = "whsec_"
_LEAST_OCTETS = 24


class Webhook:
    """Tells what is from the gateway. `secrets` are all that are valid now; `tolerance` is in seconds."""

    def __init__(self, *secrets: str, tolerance: float = 300.0, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for a secret that is none, one of fewer than 24 octets, or no secret at all."""
        if not secrets:
            raise ValueError("a webhook needs a secret")
        try:
            self._keys = [b64decode(secret.removeprefix(_PREFIX), validate=True) for secret in secrets]
        except binascii.Error:
            raise ValueError("a secret is whsec_ and base64") from None
        if any(len(key) < _LEAST_OCTETS for key in self._keys):
            raise ValueError(f"a secret is of {_LEAST_OCTETS} octets or more")
        self._tolerance = tolerance
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event, if it is from the gateway and fresh. `body` is the octets as they came, before any parsing.

        Raises `BadSignature`, for what is signed and no event too.
        """
        given = {name.lower(): value for name, value in headers.items()}
        try:
            event_id, timestamp = given["webhook-id"], given["webhook-timestamp"]
            signatures = given["webhook-signature"].split()
        except KeyError as missing:
            raise BadSignature(f"the header {missing.args[0]} is missing") from None
        if not timestamp.isdecimal() or abs(self._now() - int(timestamp)) > self._tolerance:
            raise BadSignature("the timestamp is not of now")
        signed = b".".join([event_id.encode(), timestamp.encode(), body])
        good = [b"v1," + b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys]
        if not any(hmac.compare_digest(one.encode(), mine) for one in signatures for mine in good):
            raise BadSignature("no signature fits")
        try:
            return Event.of(json.loads(body))
        except (ValueError, KeyError, TypeError):
            raise BadSignature("the body is no event") from None
