"""Signing secrets at rest: sealed under a key of the account that belongs to no quarter.

Keys of quarters are destroyed as time goes by and would take the secrets with them; the key of quarter 0 is of no time
at all, and ends with the account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.dlr.webhooks.endpoints.endpoint import EndpointId, Secret
from services.dlr.webhooks.signing import key_of, new_secret
from shared.ids import AccountId
from shared.privacy.sealing import TIMELESS, Erased, Sealer

OLD_SECRET: Final = timedelta(hours=24)
"""How long a replaced secret still signs beside the new one."""

MOST_SECRETS: Final = 4


class Secrets:
    """Makes, opens and replaces secrets."""

    def __init__(self, sealer: Sealer, token_bytes: Callable[[int], bytes]) -> None:
        self._sealer = sealer
        self._token_bytes = token_bytes

    def make(self, account: AccountId, endpoint: EndpointId) -> tuple[str, Secret]:
        """A new secret: as the customer is shown it, once, and as it is kept."""
        secret = new_secret(self._token_bytes)
        return secret, Secret(self._sealer.seal(account, endpoint, "webhook-secret", secret, TIMELESS))

    def keys(self, account: AccountId, endpoint: EndpointId, secrets: Sequence[Secret]) -> tuple[bytes, ...]:
        """The keys of these secrets, without those that were erased. Raises `BadRecord` (`bad_seal`)."""
        opened = [self._sealer.open(account, endpoint, "webhook-secret", secret.sealed) for secret in secrets]
        return tuple(key_of(secret) for secret in opened if not isinstance(secret, Erased))


def replaced(secrets: Sequence[Secret], new: Secret, now: datetime) -> tuple[Secret, ...]:
    """The secrets after a rotation: the new one first, the old ones until they end."""
    kept = [Secret(old.sealed, old.until or now + OLD_SECRET) for old in secrets]
    return (new, *valid(kept, now))[:MOST_SECRETS]


def valid(secrets: Sequence[Secret], now: datetime) -> tuple[Secret, ...]:
    """Those that still sign."""
    return tuple(secret for secret in secrets if secret.until is None or secret.until > now)
