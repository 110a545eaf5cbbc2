"""The codec by itself on damaged PDUs: what it reads it writes again, what it cannot read it calls malformed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from shared.smpp import codec
from shared.smpp.codings import alphabet, read, unpack
from shared.smpp.constants import BIND_TRANSCEIVER, DELIVER_SM, SUBMIT_SM
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.framing import Frame, Framer
from shared.smpp.pdu import DeliverSm
from shared.smpp.receipts import parse
from shared.smpp.requests import CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti
from shared.smpp.udh import divide, place_in_header, place_in_tlvs
from tests.fuzz.octets import damaged, pdu, stream
from tests.fuzz.watched import Broken, Reader

_Pair = tuple[Callable[[bytes], object], Callable[[object], bytes]]


def _request(kind: type[SubmitMulti | DataSm | QuerySm | CancelSm | ReplaceSm]) -> _Pair:
    return lambda body: codec.decode_request(kind.command_id, body), lambda value: codec.encode_request(1, value)  # type: ignore[arg-type]


PAIRS: Final[dict[str, _Pair]] = {
    "submit_sm": (codec.decode_submit_sm, lambda value: codec.encode_message(SUBMIT_SM, 1, value)),  # type: ignore[arg-type]
    "deliver_sm": (codec.decode_deliver_sm, lambda value: codec.encode_message(DELIVER_SM, 1, value)),  # type: ignore[arg-type]
    "bind": (codec.decode_bind, lambda value: codec.encode_bind(BIND_TRANSCEIVER, 1, value)),  # type: ignore[arg-type]
    "outbind": (codec.decode_outbind, lambda value: codec.encode_outbind(1, value)),  # type: ignore[arg-type]
    "alert_notification": (codec.decode_alert, lambda value: codec.encode_alert(1, value)),  # type: ignore[arg-type]
    **{kind.__name__: _request(kind) for kind in (SubmitMulti, DataSm, QuerySm, CancelSm, ReplaceSm)},
}


def attempt(random: Random) -> None:
    """One damaged PDU through every decoder, and one stream through the framer in odd pieces. Raises Broken."""
    body = damaged(random, pdu(random))[codec.HEADER.size :]
    for name, (decode, encode) in PAIRS.items():
        _same_again(name, body, decode, encode)
    for tolerant in (codec.decode_response, codec.decode_query_answer, codec.decode_multi_answer):
        _never_raises(tolerant.__name__, tolerant, body)
    _never_raises("parse", _interpreted, body)
    _framed(random, stream(random))


def _same_again(name: str, body: bytes, decode: Callable[[bytes], object], encode: Callable[[object], bytes]) -> None:
    try:
        value = decode(body)
    except MalformedPdu:
        return
    except Exception as error:
        raise Broken(f"{name} raises {error!r} for {body.hex()}") from error
    try:
        again = decode(encode(value)[codec.HEADER.size :])
    except UnencodablePdu:
        return  # read from a peer, and yet too long to be written by us
    except Exception as error:
        raise Broken(f"{name} of {body.hex()} cannot be written and read again: {error!r}") from error
    if again != value:
        raise Broken(f"{name} of {body.hex()} is another when it is written and read again")
    repr(value)


def _never_raises(name: str, call: Callable[[bytes], object], body: bytes) -> None:
    try:
        call(body)
    except Exception as error:
        raise Broken(f"{name} raises {error!r} for {body.hex()}") from error


def _interpreted(body: bytes) -> None:
    """What is read from a message once it is decoded."""
    header, text = divide(body)
    place_in_header(header)
    tlvs, _ = codec.decode_tlvs(body, 0)
    place_in_tlvs(tlvs)
    parse(DeliverSm(esm_class=4, short_message=b"id:" + body, tlvs=tlvs))
    for data_coding in (0, 1, 3, 8, body[0] if body else 0):
        read(text, alphabet(data_coding))
    unpack(text, len(header))


def _framed(random: Random, octets: bytes) -> None:
    """The framer gives the frames of the whole, however it is cut, and holds no more than one PDU's worth."""
    framer, plain = Framer(), Reader()
    frames: list[Frame] = []
    expected = plain.read(octets)
    at = 0
    while at < len(octets) and not framer.broken:
        size = random.choice((1, 2, 7, 16, 100, 5_000))
        frames += framer.feed(octets[at : at + size])
        at += size
    if frames != expected or framer.broken != plain.broken:
        raise Broken(f"frames differ: {octets[:200].hex()}")
    if not framer.broken and len(framer._rest) != len(plain.rest):
        raise Broken(f"the framer holds {len(framer._rest)} octets of {len(plain.rest)}")
