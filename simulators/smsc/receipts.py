"""The receipt of a message that was taken."""

from __future__ import annotations

from shared.clock import Clock
from shared.smpp import receipts
from shared.smpp.pdu import DeliverSm
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.taken import TakenMessage


def receipt_for(taken: TakenMessage, behaviour: Behaviour, clock: Clock) -> DeliverSm:
    """The receipt of a message, from the number it went to back to its sender."""
    message = taken.message
    return receipts.build(
        message_id=(behaviour.receipt_id_format or behaviour.id_format).write(taken.id),
        state=taken.state,
        submitted_at=taken.taken_at,
        done_at=clock.now(),
        source=(message.dest_addr_ton, message.dest_addr_npi, message.destination_addr),
        destination=(message.source_addr_ton, message.source_addr_npi, message.source_addr),
        err=behaviour.receipt_err,
        with_tlvs=behaviour.receipt_tlvs,
    )
