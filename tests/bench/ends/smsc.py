"""An SMSC that takes every message, answers it and reports it delivered: SMPP 3.4 as far as that needs it."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections import deque
from struct import Struct
from typing import Final, cast

from tests.bench.ends.control import serve, write_log

MARK: Final = b"PB-"
"""Stands in the text before the number of the message, which has eight digits."""

_HEADER: Final = Struct(">IIII")
_RESPONSE: Final = 0x80000000
_SUBMIT_SM, _DELIVER_SM, _UNBIND = 0x04, 0x05, 0x06
_BINDS: Final = frozenset({0x01, 0x02, 0x09})
_NO_ADDRESS: Final = b"\0\1\1"
_UNANSWERED: Final = 100
"""Receipts that may wait for their answer at once."""


def _pdu(command: int, sequence: int, body: bytes = b"") -> bytes:
    return _HEADER.pack(16 + len(body), command, 0, sequence) + body


def number_of(content: bytes) -> int:
    """The number behind `MARK`, or -1."""
    at = content.find(MARK)
    return -1 if at < 0 else int(content[at + 3 : at + 11])


class Smsc:
    """What came, over all sessions."""

    def __init__(self, response_delay: float, receipt_delay: float) -> None:
        self.response_delay = response_delay
        self.receipt_delay = receipt_delay
        self.submits: list[tuple[int, int]] = []
        self._first_id = int(time.time()) * 1_000
        self.acknowledged = 0
        self.bound = 0
        self.numbers: set[int] = set()

    def take(self, body: bytes) -> tuple[int, bytes]:
        """Note a submit_sm; its operator id, which no earlier SMSC gave, and the body of its receipt. A text that went
        to another's number is nobody's.
        """
        number, destination = number_of(body), _destination(body)
        if not destination.endswith(b"%08d\0" % number):
            number = -1
        self.submits.append((number, time.monotonic_ns()))
        self.numbers.add(number)
        operator_id = self._first_id + len(self.submits)
        text = (
            b"id:%d sub:001 dlvrd:001 submit date:2611230800 done date:2611230800 stat:DELIVRD err:000 text:"
            % operator_id
        )
        # service type empty; from handset to nobody: the gateway finds the message by the id; esm_class 4 is a receipt
        return operator_id, b"%b%b\0\1\0\4\0\0\0\0\0\0\0\0%c%b" % (_NO_ADDRESS, destination, len(text), text)

    def state(self) -> object:
        """As `bench smsc` tells it."""
        return {
            "submits": len(self.submits),
            "distinct": len(self.numbers),
            "dlr_acked": self.acknowledged,
            "bound": self.bound,
        }


def _destination(body: bytes) -> bytes:
    """destination_addr of a submit_sm, with its NUL."""
    at = body.index(b"\0") + 3  # service type, TON and NPI of the source
    at = body.index(b"\0", at) + 3
    return body[at : body.index(b"\0", at) + 1]


class Session(asyncio.Protocol):
    """One bind."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._sequence = 0
        self._unanswered = 0
        self._receipts: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._smsc.bound -= 1

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        at, answers, receipts = 0, [], []
        while at + 16 <= len(data):
            length, command, _, sequence = _HEADER.unpack_from(data, at)
            if at + length > len(data):
                break
            if command == _SUBMIT_SM:
                operator_id, receipt = self._smsc.take(data[at + 16 : at + length])
                answers.append(_pdu(command | _RESPONSE, sequence, b"%d\0" % operator_id))
                receipts.append(receipt)
            elif command == _DELIVER_SM | _RESPONSE:
                self._unanswered -= 1
                self._smsc.acknowledged += 1
            elif command in _BINDS:
                self._smsc.bound += 1
                answers.append(_pdu(command | _RESPONSE, sequence, b"bench\0"))
            elif not command & _RESPONSE:
                answers.append(_pdu(command | _RESPONSE, sequence))
            at += length
        self._unread = data[at:]
        self._answer(b"".join(answers), receipts)

    def _answer(self, answers: bytes, receipts: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        if self._smsc.response_delay and receipts:
            loop.call_later(self._smsc.response_delay, self._write, answers)
        elif answers:
            self._write(answers)
        delay = self._smsc.response_delay + self._smsc.receipt_delay
        if delay and receipts:
            loop.call_later(delay, self._report, receipts)
        else:
            self._report(receipts)

    def _report(self, receipts: list[bytes]) -> None:
        self._receipts.extend(receipts)
        out = []
        while self._receipts and self._unanswered < _UNANSWERED:
            self._sequence += 1
            self._unanswered += 1
            out.append(_pdu(_DELIVER_SM, self._sequence, self._receipts.popleft()))
        if out:
            self._write(b"".join(out))

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)


async def run(options: Namespace) -> None:
    """Serve until SIGTERM, then write what came."""
    smsc = Smsc(options.resp_delay_ms / 1000, options.dlr_delay_ms / 1000)
    await serve(options.port, lambda: Session(smsc), options.ctl, smsc.state)
    write_log(options.log, "no,t_submit_ns", smsc.submits)
