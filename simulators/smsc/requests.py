"""Requests beside submit_sm: about messages that were taken and are still kept, and submits in another form."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.smpp.addresses import Address
from shared.smpp.constants import ESME_RCANCELFAIL, ESME_RINVDLNAME, ESME_RINVMSGID, ESME_ROK, ESME_RREPLACEFAIL
from shared.smpp.pdu import SubmitSm
from shared.smpp.receipts import STATES, ReceiptState
from shared.smpp.requests import CancelSm, DataSm, QueryAnswer, QuerySm, ReplaceSm, SubmitMulti, Unsuccessful
from simulators.smsc.taken import Taken


def query(taken: Taken, request: QuerySm) -> QueryAnswer | None:
    """The state of a message; None when it is not known."""
    message = taken.find(request.message_id, request.source.value)
    return None if message is None else QueryAnswer(request.message_id, message_state=STATES.index(message.state))


def cancel(taken: Taken, request: CancelSm) -> int:
    """Take back what is still under way; the status to answer with."""
    if request.message_id:
        one = taken.find(request.message_id, request.source.value)
        if one is None:
            return ESME_RINVMSGID
        messages = [one]
    else:
        messages = list(taken.between(request.source.value, request.destination.value))
    under_way = [message for message in messages if message.state is ReceiptState.ENROUTE]
    for message in under_way:
        message.state = ReceiptState.DELETED
    return ESME_ROK if under_way else ESME_RCANCELFAIL


def replace(taken: Taken, request: ReplaceSm) -> int:
    """Give a message that is still under way another text; the status to answer with."""
    message = taken.find(request.message_id, request.source.value)
    if message is None:
        return ESME_RINVMSGID
    if message.state is not ReceiptState.ENROUTE:
        return ESME_RREPLACEFAIL
    message.message = msgspec.structs.replace(
        message.message,
        schedule_delivery_time=request.schedule_delivery_time or message.message.schedule_delivery_time,
        validity_period=request.validity_period or message.message.validity_period,
        registered_delivery=request.registered_delivery,
        sm_default_msg_id=request.sm_default_msg_id,
        short_message=request.short_message,
        tlvs=request.tlvs or message.message.tlvs,
    )
    return ESME_ROK


def submit_of(request: DataSm) -> SubmitSm:
    """A data_sm as the submit_sm that says the same."""
    source, destination = request.source, request.destination
    return SubmitSm(
        service_type=request.service_type,
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.value,
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=destination.value,
        esm_class=request.esm_class,
        registered_delivery=request.registered_delivery,
        data_coding=request.data_coding,
        tlvs=request.tlvs,
    )


def submits_of(request: SubmitMulti) -> tuple[Sequence[SubmitSm], Sequence[Unsuccessful]]:
    """A submit_sm for each address; lists of recipients are not known here."""
    addresses = [each for each in request.destinations if isinstance(each, Address)]
    submits = [
        SubmitSm(
            service_type=request.service_type,
            source_addr_ton=request.source.ton,
            source_addr_npi=request.source.npi,
            source_addr=request.source.value,
            dest_addr_ton=destination.ton,
            dest_addr_npi=destination.npi,
            destination_addr=destination.value,
            esm_class=request.esm_class,
            protocol_id=request.protocol_id,
            priority_flag=request.priority_flag,
            schedule_delivery_time=request.schedule_delivery_time,
            validity_period=request.validity_period,
            registered_delivery=request.registered_delivery,
            replace_if_present_flag=request.replace_if_present_flag,
            data_coding=request.data_coding,
            sm_default_msg_id=request.sm_default_msg_id,
            short_message=request.short_message,
            tlvs=request.tlvs,
        )
        for destination in addresses
    ]
    lists = [each for each in request.destinations if not isinstance(each, Address)]
    return submits, [Unsuccessful(Address(0, 0, each.name), ESME_RINVDLNAME) for each in lists]
