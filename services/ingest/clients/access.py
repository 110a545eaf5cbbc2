"""Users of the broker and what they may do, on kafka-python: aiokafka has no calls for either. Tooling only."""

from __future__ import annotations

import secrets
import time
import warnings
from contextlib import suppress
from types import TracebackType
from typing import Final

from shared.contracts.topics import client_events, client_requests
from shared.errors import BudstikkeError, Fatal, TryLater
from shared.ids import AccountId

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library reads its own files in a way that is going out
    from kafka.admin import (  # type: ignore[import-untyped]
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        KafkaAdminClient,
        ResourcePattern,
        ResourceType,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )
    from kafka.errors import KafkaError  # type: ignore[import-untyped]

_TIMEOUT_MS: Final = 15_000
_ITERATIONS: Final = 8192
_MORE_ITERATIONS: Final = 1024
"""Rounds of the password's hash, and as many more as chance will have it, to tell one password from the last. The
password is 256 random bits, so more would slow down log-ins and nobody else.
"""
_HEARD_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


def user_of(account_id: AccountId) -> str:
    """The account's user on the broker; also the prefix of the groups that it may read with."""
    return f"client-{account_id}"


class BrokerAccess:
    """A connection to the broker as somebody who may change users and access lists. Blocking; close it after use.

    Every call raises `TryLater` (`kafka_unavailable`) when the broker does not answer, and `Fatal`
    (`kafka_access_refused`) when it says no.
    """

    def __init__(self, bootstrap: str) -> None:
        try:
            self._admin = KafkaAdminClient(
                bootstrap_servers=bootstrap.split(","),
                client_id="ingest.provision-client",
                request_timeout_ms=_TIMEOUT_MS,
                bootstrap_timeout_ms=_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise _translated(error) from None

    def __enter__(self) -> BrokerAccess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()

    def brokers(self) -> int:
        """How many there are."""
        try:
            return len(self._admin.describe_cluster()["brokers"])
        except KafkaError as error:
            raise _translated(error) from None

    def has_password(self, user: str) -> bool:
        """Whether the user can log in."""
        return bool(self._iterations(user))

    def _has_heard(self, user: str, iterations: int) -> bool:
        """Whether a broker knows this password; one that does not say has not."""
        with suppress(BudstikkeError):
            return iterations in self._iterations(user)
        return False

    def _iterations(self, user: str) -> list[int]:
        try:
            found = self._admin.describe_user_scram_credentials([user])
        except KafkaError as error:
            raise _translated(error) from None
        return [one["iterations"] for one in found.get(user, {}).get("credential_infos") or ()]

    def set_password(self, user: str, password: str) -> None:
        """Make the user, or replace the password; open connections stay until the broker next asks them.

        Returns when a broker knows it, which is a moment after the controller took it: whoever is told a password
        logs in at once, and takes a refusal for the last word. After ten seconds it returns all the same: the password
        is set, and told only once.
        """
        before = self._iterations(user)
        iterations = _ITERATIONS + secrets.randbelow(_MORE_ITERATIONS)
        while iterations in before:
            iterations += 1
        change = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, iterations=iterations)
        try:
            refusals = self._admin.alter_user_scram_credentials([change])
        except KafkaError as error:
            raise _translated(error) from None
        if refusals.get(user) is not None:
            raise Fatal("kafka_access_refused", f"the broker refused the password of {user}: {refusals[user]}")
        until = time.monotonic() + _HEARD_SECONDS
        while not self._has_heard(user, iterations) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def allow(self, account_id: AccountId) -> None:
        """Let the account's user write its requests, read its events, and use groups of its own; repeatable."""
        try:
            result = self._admin.create_acls(_access_list(account_id))
        except KafkaError as error:
            raise _translated(error) from None
        if result["failed"]:
            raise Fatal("kafka_access_refused", f"the broker refused the access list of {user_of(account_id)}")


def _access_list(account_id: AccountId) -> list[ACL]:
    """All that the account's user may do. `Describe` is implied by each; an idempotent producer needs no more."""
    requests = ResourcePattern(ResourceType.TOPIC, client_requests(account_id))
    events = ResourcePattern(ResourceType.TOPIC, client_events(account_id))
    # The dot ends the name: groups of `acme` are not those of `acme-2`.
    groups = ResourcePattern(ResourceType.GROUP, f"{user_of(account_id)}.", ACLResourcePatternType.PREFIXED)
    return [
        ACL(f"User:{user_of(account_id)}", "*", operation, ACLPermissionType.ALLOW, place)
        for operation, place in (
            (ACLOperation.WRITE, requests),
            (ACLOperation.READ, events),
            (ACLOperation.READ, groups),
        )
    ]


def _translated(error: KafkaError) -> BudstikkeError:
    if getattr(error, "retriable", False):
        return TryLater("kafka_unavailable", f"the broker does not answer ({type(error).__name__})")
    return Fatal("kafka_access_refused", f"the broker refused ({type(error).__name__})")
