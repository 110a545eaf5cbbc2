"""What a peer may send: PDUs of every kind, right and wrong, and octets that are none."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from shared.smpp import codec
from shared.smpp.addresses import Address
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RTHROTTLED,
    GENERIC_NACK,
    MAX_PDU_LENGTH,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    QUERY_SM,
    RECEIPTED_MESSAGE_ID,
    SUBMIT_MULTI,
    SUBMIT_SM,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.pdu import BindRequest, DeliverSm, Outbind, SubmitSm, Tlvs
from shared.smpp.requests import (
    AlertNotification,
    CancelSm,
    DataSm,
    DistributionList,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    Unsuccessful,
)

SEQUENCES = 12
"""Numbers are small, so that answers often find a request."""
_BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)
_LENGTHS = (0, 1, 4, 15, 16, 17, 255, MAX_PDU_LENGTH, MAX_PDU_LENGTH + 1, 0x01000000, 0x80000000, 0xFFFFFFFF)
_ANSWERED = (SUBMIT_SM, DELIVER_SM, QUERY_SM, SUBMIT_MULTI, 0x00000103, 0x00000008, 0x00000007)


def _sequence(random: Random) -> int:
    return random.choice((random.randint(1, SEQUENCES), random.randint(1, SEQUENCES), 0, 0x7FFFFFFF, 0xFFFFFFFF))


def _status(random: Random) -> int:
    return random.choice((0, 0, 0, ESME_RTHROTTLED, 0x4A1, random.getrandbits(32)))


def _text(random: Random, longest: int = 20) -> bytes:
    return bytes(random.randint(1, 255) for _ in range(random.randint(0, longest)))


def _address(random: Random) -> Address:
    return Address(random.getrandbits(8), random.getrandbits(8), _text(random))


def _tlvs(random: Random) -> Tlvs:
    tags = (MESSAGE_PAYLOAD, MESSAGE_STATE, RECEIPTED_MESSAGE_ID, 0x020C, 0x020E, 0x1401, random.getrandbits(16))
    return tuple((random.choice(tags), random.randbytes(random.randint(0, 6))) for _ in range(random.randint(0, 3)))


def _message(random: Random) -> bytes:
    kind, command_id = random.choice(((SubmitSm, SUBMIT_SM), (DeliverSm, DELIVER_SM)))
    message = kind(
        service_type=_text(random, 6),
        source_addr=_text(random),
        destination_addr=_text(random),
        esm_class=random.getrandbits(8),
        data_coding=random.getrandbits(8),
        registered_delivery=random.getrandbits(8),
        validity_period=random.choice((b"", b"000002000000000R", _text(random))),
        short_message=random.randbytes(random.choice((0, 5, 140, 254))),
        tlvs=_tlvs(random),
    )
    return codec.encode_message(command_id, _sequence(random), message)


def _request(random: Random) -> bytes:
    destinations = tuple(random.choice((_address(random), DistributionList(b"all"))) for _ in range(3))
    request = random.choice(
        (
            QuerySm(_text(random), _address(random)),
            CancelSm(b"", _text(random), _address(random), _address(random)),
            ReplaceSm(_text(random), _address(random), short_message=_text(random), tlvs=_tlvs(random)),
            DataSm(b"", _address(random), _address(random), tlvs=_tlvs(random)),
            SubmitMulti(b"", _address(random), destinations, short_message=_text(random), tlvs=_tlvs(random)),
        )
    )
    return codec.encode_request(_sequence(random), request)


def _answer(random: Random) -> bytes:
    sequence, status = _sequence(random), _status(random)
    match random.randrange(8):
        case 0:
            return codec.encode_answer(sequence, QueryAnswer(_text(random), b"", random.getrandbits(8)))
        case 1:
            return codec.encode_answer(sequence, MultiAnswer(_text(random), (Unsuccessful(_address(random), status),)))
        case _:
            request_id = random.choice(_ANSWERED)
            return codec.encode_response(request_id, status, sequence, _text(random), _tlvs(random))


def _header(random: Random) -> bytes:
    command_id = random.choice(
        (ENQUIRE_LINK, ENQUIRE_LINK, ENQUIRE_LINK_RESP, GENERIC_NACK, GENERIC_NACK, UNBIND_RESP, random.getrandbits(32))
    )
    return codec.encode_header(command_id, _status(random), _sequence(random))


def _bind(random: Random) -> bytes:
    bind = BindRequest(_text(random), _text(random), _text(random), random.choice((0x33, 0x34, 0x50)))
    match random.randrange(3):
        case 0:
            return codec.encode_bind(random.choice(_BINDS), _sequence(random), bind)
        case 1:
            return codec.encode_response(random.choice(_BINDS), _status(random), _sequence(random), _text(random))
        case _:
            return codec.encode_outbind(_sequence(random), Outbind(_text(random), _text(random)))


def _rare(random: Random) -> bytes:
    return random.choice(
        (
            codec.encode_header(UNBIND, 0, _sequence(random)),
            codec.encode_alert(_sequence(random), AlertNotification(_address(random), _address(random), _tlvs(random))),
            random.randbytes(random.randint(1, 40)),
            codec.HEADER.pack(random.choice(_LENGTHS), random.getrandbits(4), 0, _sequence(random)),
        )
    )


_KINDS: tuple[Callable[[Random], bytes], ...] = (_message, _request, _answer, _header, _bind, _rare)
_WEIGHTS = (6, 4, 6, 4, 1, 1)


def pdu(random: Random) -> bytes:
    """One PDU that is right by itself, whether or not it is due; rarely something else."""
    (kind,) = random.choices(_KINDS, _WEIGHTS)
    return kind(random)


def damaged(random: Random, octets: bytes) -> bytes:
    """The same with some octets changed, added or missing. Its length field may be right, stale or wild."""
    body = bytearray(octets)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(body) + 1)
        match random.randrange(5):
            case 0:
                del body[place : place + random.randint(1, 4)]
            case 1:
                body[place:place] = random.randbytes(random.randint(1, 6))
            case 2:
                del body[max(place, 1) :]
            case 3:
                body += codec.encode_tlvs(_tlvs(random)) + random.choice((b"", b"\x04\x24", b"\x04\x24\xff\xff"))
            case _:
                body[place : place + 1] = bytes((random.choice((0, 1, 0x7F, 0xFF, random.getrandbits(8))),))
    match random.randrange(8):
        case 0:
            body[:4] = random.choice(_LENGTHS).to_bytes(4, "big")
        case 1:
            pass
        case _:
            body[:4] = max(len(body), 16).to_bytes(4, "big")
    return bytes(body)


def answers(random: Random) -> bytes:
    """The same answer under every number that is likely."""
    request_id, status = random.choice((SUBMIT_SM, DELIVER_SM)), _status(random)
    return b"".join(codec.encode_response(request_id, status, number, b"7") for number in range(1, SEQUENCES + 1))


def stream(random: Random) -> bytes:
    """Some PDUs in a row, some of them damaged."""
    pdus = [pdu(random) for _ in range(random.randint(1, 6))]
    return b"".join(damaged(random, one) if random.randrange(4) == 0 else one for one in pdus)
