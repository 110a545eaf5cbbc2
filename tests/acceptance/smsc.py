"""A simulated operator, by its control interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx

from shared.text import gsm
from shared.trust import trusted

_RECEIPT = 0x04
_CONCATENATED = 0x40
_UCS2 = 0x08
_QUICK = {"receipt_delay_ms": 20}


class Smsc:
    """What one operator took, and how it behaves. Its settings are put back at the end."""

    def __init__(self, http: httpx.AsyncClient, already: int) -> None:
        self._http = http
        self._already = already

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Smsc]:
        """The operator whose control interface is there; it sends receipts after 20 ms."""
        async with httpx.AsyncClient(base_url=url, verify=trusted(), trust_env=False, timeout=30.0) as http:
            before = (await http.get("/control")).json()
            smsc = cls(http, before["counters"]["taken"])
            try:
                await smsc.behave(**_QUICK)
                yield smsc
            finally:
                await smsc.behave(**before["settings"])

    async def behave(self, **settings: Any) -> None:
        """Change some settings."""
        answer = await self._http.put("/control", json=settings)
        assert answer.status_code == 200, answer.text

    async def counters(self) -> dict[str, int]:
        """What it counted since it started."""
        counters: dict[str, int] = (await self._http.get("/control")).json()["counters"]
        return counters

    async def taken(self) -> list[dict[str, Any]]:
        """Every message that it took since this test began, in order."""
        messages: list[dict[str, Any]] = []
        after = self._already
        while True:
            page = (await self._http.get("/messages", params={"after": after, "limit": 10_000})).json()
            if not page["messages"]:
                return messages
            messages += page["messages"]
            after = page["next"]

    async def forget(self) -> None:
        """Empty the simulator's list, whose beginning is what it shows when asked for no place in it."""
        await self._http.delete("/messages")
        self._already = 0

    async def report(self, part: dict[str, Any], state: str = "DELIVRD", error: str = "000") -> None:
        """Send a receipt for one message that was taken, in the words of SMPP 3.4, appendix B, without any TLV."""
        receipt = (
            f"id:{part['id']} sub:001 dlvrd:001 submit date:2611230800 done date:2611230801 "
            f"stat:{state} err:{error} text:"
        )
        answer = await self._http.post(
            "/incoming",
            json={
                "source": part["destination"],
                "destination": part["source"],
                "short_message": receipt.encode().hex(),
                "esm_class": _RECEIPT,
                "system_id": part["system_id"],
            },
        )
        assert answer.status_code == 202, answer.text

    async def taken_for(self, *numbers: str) -> list[dict[str, Any]]:
        """Those to the given numbers (E.164)."""
        wanted: Collection[str] = {number.removeprefix("+") for number in numbers}
        return [message for message in await self.taken() if message["destination"] in wanted]


def text_of(parts: list[dict[str, Any]]) -> str:
    """The text that a handset shows when it has put the parts of one message together."""
    ordered = sorted(parts, key=_position)
    octets = b"".join(bytes.fromhex(part["short_message"]) for part in ordered)
    return octets.decode("utf-16-be") if ordered[0]["data_coding"] & _UCS2 else gsm.decode(octets)


def _position(part: dict[str, Any]) -> int:
    """The part's number, from its header: 05 00 03 reference total number (3GPP TS 23.040, 9.2.3.24.1)."""
    if not part["esm_class"] & _CONCATENATED:
        return 1
    header = bytes.fromhex(part["udh"])
    assert header[:3] == b"\x05\x00\x03", header
    return header[5]
