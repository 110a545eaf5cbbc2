"""The running system as the tour sees it: the API as a customer and as staff, and the simulated Strex."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from shared.errors import Fatal
from shared.trust import trusted

T = TypeVar("T")

_PAUSE = 0.03  # seconds between two looks
_ANSWER = 20.0


class Gateway:
    """Calls the API; what is refused is Fatal `demo_failed` with the answer."""

    def __init__(self, told: Mapping[str, str], transport: httpx.BaseTransport | None = None) -> None:
        """`told` is what `local.env` holds. Straight to the API, whatever proxies the machine has."""

        def client(address: str, key: str = "") -> httpx.Client:
            return httpx.Client(
                base_url=told.get(address, ""),
                headers={"Authorization": f"Bearer {told[key]}"} if key else {},
                timeout=_ANSWER,
                verify=trusted(),
                trust_env=False,
                transport=transport,
            )

        self._customer = client("BUDSTIKKE_API", "BUDSTIKKE_KEY")
        self._staff = client("BUDSTIKKE_API", "BUDSTIKKE_STAFF_KEY")
        self._strex = client("BUDSTIKKE_STREX_CONTROL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._customer, self._staff, self._strex):
            client.close()

    def customer(self, method: str, path: str, body: object = None) -> Any:
        """Call as the account `demo`; the answer's JSON."""
        return _call(self._customer, method, path, body)

    def staff(self, method: str, path: str, body: object = None) -> Any:
        """Call as the first member of staff."""
        return _call(self._staff, method, path, body)

    def texts_of_strex(self) -> list[Any]:
        """The texts that the simulated Strex has sent, with their recipients: what a user's handset would show."""
        transactions = _call(self._strex, "GET", "/transactions")["transactions"]
        return [one for one in transactions if one["kind"] == "text"]


def _call(client: httpx.Client, method: str, path: str, body: object = None) -> Any:
    answer = client.request(method, path, json=body)
    if not answer.is_success:
        raise Fatal("demo_failed", f"{method} {path} answered {answer.status_code}: {answer.text}")
    return answer.json() if answer.content else None


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Look until there is something. Raises Fatal `demo_failed` naming `what` when there is nothing in time."""
    last = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > last:
            raise Fatal("demo_failed", f"after {seconds:g} s still waiting for {what}; the logs tell more")
        time.sleep(_PAUSE)
    return found
