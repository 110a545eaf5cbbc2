"""Whose a record is: all that is read of the events of accounts that have no topics."""

from __future__ import annotations

import msgspec

from shared.contracts.codec import Excerpt
from shared.contracts.events import Account, MessageCorrected, MessageStatusChanged
from shared.contracts.inbound import InboundRouted
from shared.ids import AccountId
from shared.kafka.record import Record


class _Addressed(msgspec.Struct, frozen=True, gc=False):
    account_id: Account


_read = Excerpt(dict.fromkeys((MessageStatusChanged, MessageCorrected, InboundRouted), _Addressed))


def whose(record: Record) -> AccountId:
    """The account of a record of one of the topics. Raises `BadRecord`."""
    return _read(record).account_id
