"""Users of client systems on the broker: let in, as `BrokerAccess` does, and shut out again."""

from __future__ import annotations

import warnings

from services.ingest.clients.access import BrokerAccess, _translated, user_of
from shared.errors import Fatal
from shared.ids import AccountId

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library reads its own files in a way that is going out
    from kafka.admin import (  # type: ignore[import-untyped]
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
        ScramMechanism,
        UserScramCredentialDeletion,
    )
    from kafka.errors import KafkaError  # type: ignore[import-untyped]


class ClientUsers(BrokerAccess):
    """The same, and the way back. Raises as it does."""

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()

    def forbid(self, account_id: AccountId) -> None:
        """Take away all that the account's user may do, at once for connections that are open, too; repeatable."""
        anywhere = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        everything = ACLFilter(f"User:{user_of(account_id)}", None, ACLOperation.ANY, ACLPermissionType.ANY, anywhere)
        try:
            ((_, _, outcome),) = self._admin.delete_acls([everything])
        except KafkaError as error:
            raise _translated(error) from None
        if outcome.errno:
            raise _translated(outcome())

    def remove_password(self, user: str) -> None:
        """Nobody logs in as this user any more; repeatable."""
        if not self.has_password(user):
            return
        try:
            refusals = self._admin.alter_user_scram_credentials(
                [UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)]
            )
        except KafkaError as error:
            raise _translated(error) from None
        if refusals.get(user) is not None:
            raise Fatal("kafka_access_refused", f"the broker kept the password of {user}: {refusals[user]}")
