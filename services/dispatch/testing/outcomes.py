"""What becomes of a test message: the last two digits of its number decide. Public and documented. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from shared.smpp.constants import ESME_RINVDSTADR, ESME_ROK
from shared.smpp.receipts import ReceiptState


class Script(msgspec.Struct, frozen=True):
    """How the operator `test` answers a submit, and the receipts that follow, one after the other."""

    status: int = ESME_ROK
    receipts: tuple[ReceiptState, ...] = ()


DELIVERED: Final = Script(receipts=(ReceiptState.DELIVERED,))
"""What any other number gets."""

SCRIPTS: Final[Mapping[bytes, Script]] = {
    b"91": Script(receipts=(ReceiptState.UNDELIVERABLE,)),
    b"92": Script(receipts=(ReceiptState.EXPIRED,)),
    b"93": Script(receipts=(ReceiptState.DELETED,)),
    b"94": Script(receipts=(ReceiptState.REJECTED,)),
    b"95": Script(receipts=(ReceiptState.UNKNOWN,)),
    b"96": Script(status=ESME_RINVDSTADR),
    b"97": Script(receipts=(ReceiptState.ENROUTE, ReceiptState.DELIVERED)),
    b"98": Script(),
}
"""By the number's last two digits."""


def script_of(destination: bytes) -> Script:
    """The script of a destination address."""
    return SCRIPTS.get(destination[-2:], DELIVERED)
