"""The states that one `MessageStatusChanged` tells of, for those who want each as an event of its own."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shared.contracts.events import MessageStatusChanged


def each_state(event: MessageStatusChanged) -> Iterator[MessageStatusChanged]:
    """The event as it would be of each state that was passed, without a charge; then that of the last, with it."""
    for passed in event.passed:
        yield MessageStatusChanged(
            message_id=event.message_id,
            account_id=event.account_id,
            to=event.to,
            state=passed.state,
            sequence=passed.sequence,
            at=passed.at,
            previous=passed.previous,
            reference=event.reference,
            reason=passed.reason,
            operator=passed.operator,
            operator_code=passed.operator_code,
            part_states=passed.part_states,
            callback_url=event.callback_url,
            test=event.test,
        )
    yield msgspec.structs.replace(event, passed=()) if event.passed else event
