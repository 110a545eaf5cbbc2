"""Fetches the daily file from Strex."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import httpx

from shared.errors import Refused, TryLater
from shared.money.periods import Day

PLACE: Final = "{date}"
_SECONDS: Final = 60.0
_MOST_OCTETS: Final = 256 * 1024 * 1024
_PIECE: Final = 65_536
_OK: Final = 200


class DailyFiles:
    """One address in which the day is put, and the API key that opens it."""

    def __init__(self, address: str | None, api_key: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`transport` stands in for the network."""
        self._address = address
        self._api_key = api_key
        self._transport = transport

    async def read(self, day: Day) -> AsyncGenerator[bytes, None]:
        """The file of a day, as it comes.

        Raises `Refused`: `no_daily_file` when there is none or no address is set, `bad_daily_file` when it is too long;
        `TryLater` (`strex_unavailable`).
        """
        if self._address is None:
            raise Refused("no_daily_file", "BUDSTIKKE_PREMIUM_EXPORT is not set")
        address, octets = self._address.replace(PLACE, day), 0
        try:
            async with (
                httpx.AsyncClient(timeout=_SECONDS, transport=self._transport, trust_env=False) as client,
                client.stream("GET", address, headers={"x-ApiKey": self._api_key}) as response,
            ):
                if response.is_client_error:
                    raise Refused("no_daily_file", f"Strex answered {response.status_code}")
                if response.status_code != _OK:
                    raise TryLater("strex_unavailable", f"Strex answered {response.status_code}")
                async for chunk in response.aiter_bytes(_PIECE):
                    octets += len(chunk)
                    if octets > _MOST_OCTETS:
                        raise Refused("bad_daily_file", "the file is too long")
                    yield chunk
        except httpx.HTTPError as error:
            raise TryLater("strex_unavailable", f"Strex does not answer ({type(error).__name__})") from None
