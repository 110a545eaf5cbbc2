"""What the gateway answers under `/admin`, and the calls that the command makes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from cli.gateway import Gateway, Refusal

NOT_ASKED: Final = "nothing was changed"
NOT_KNOWN: Final = "whether anything was changed is not known: look before you repeat it"
_CONFLICT: Final = 409


class Suspended(msgspec.Struct, frozen=True):
    """Parts that are suspended."""

    lanes: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    premium: bool = False


class QuietHours(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Hours in which marketing waits; the same hour twice is never."""

    first: int
    last: int


class Account(msgspec.Struct, frozen=True):
    """An account."""

    id: str
    organisation: str
    name: str
    state: str
    default_sender: str | None = None
    senders: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    quiet_hours: QuietHours | None = None
    suspended: Suspended = Suspended()


class Key(msgspec.Struct, frozen=True):
    """A key. `key` is its text, at the one moment when it is known."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_on: str | None = None
    key: str | None = None


class Client(msgspec.Struct, frozen=True):
    """How an account's own systems come in over Kafka. `password` is there at the one moment when it is known."""

    account: str
    user: str
    requests: str
    events: str
    bootstrap: str
    created_at: str
    password_at: str
    password: str | None = None


class Person(msgspec.Struct, frozen=True):
    """A personal key. `key` is its text, at the one moment when it is known."""

    id: str
    name: str
    role: str
    created_at: str
    revoked_at: str | None = None
    key: str | None = None


class Done(msgspec.Struct, frozen=True):
    """An answer without content."""


class Accounts(msgspec.Struct, frozen=True):
    """A page."""

    accounts: tuple[Account, ...]
    cursor: str | None = None


class Keys(msgspec.Struct, frozen=True):
    """A page."""

    keys: tuple[Key, ...]
    cursor: str | None = None


class Clients(msgspec.Struct, frozen=True):
    """A page."""

    clients: tuple[Client, ...]
    cursor: str | None = None


class Staff(msgspec.Struct, frozen=True):
    """A page."""

    staff: tuple[Person, ...]
    cursor: str | None = None


P = TypeVar("P", Accounts, Keys, Clients, Staff)
A = TypeVar("A")


class Administration:
    """The calls. Each returns the answer and its octets, and raises `Refusal` or `Unreachable`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def accounts(self) -> Iterator[tuple[Accounts, bytes]]:
        """All, page by page."""
        return self._pages("/admin/accounts", Accounts)

    def account(self, account: str) -> tuple[Account, bytes]:
        """One."""
        return self._ask("GET", _path("accounts", account), Account)

    def create_account(self, body: dict[str, Any]) -> tuple[Account, bytes]:
        """A new one."""
        return self._ask("POST", "/admin/accounts", Account, body)

    def change_account(self, account: str, body: dict[str, Any]) -> tuple[Account, bytes]:
        """One, with what the body says."""
        return self._ask("PATCH", _path("accounts", account), Account, body)

    def create_organisation(self, organisation: str, name: str) -> None:
        """A new one; one that is there already is left as it is."""
        try:
            self._ask("POST", "/admin/organisations", Done, {"id": organisation, "name": name})
        except Refusal as refusal:
            if refusal.status != _CONFLICT:
                raise

    def act(self, account: str, action: str, body: dict[str, Any]) -> tuple[Account, bytes]:
        """`suspend`, `resume` or `close`."""
        return self._ask("POST", f"{_path('accounts', account)}/{action}", Account, body)

    def keys(self, account: str) -> Iterator[tuple[Keys, bytes]]:
        """All of an account, page by page."""
        return self._pages(f"{_path('accounts', account)}/keys", Keys)

    def create_key(self, account: str, name: str, scopes: Sequence[str]) -> tuple[Key, bytes]:
        """A new one."""
        body = {"name": name, **({"scopes": scopes} if scopes else {})}
        return self._ask("POST", f"{_path('accounts', account)}/keys", Key, body)

    def rotate_key(self, account: str, key: str, overlap: int) -> tuple[Key, bytes]:
        """A new one in place of another, which stays good for `overlap` seconds."""
        return self._ask("POST", f"{_path('accounts', account, 'keys', key)}/rotate", Key, {"overlap_seconds": overlap})

    def revoke_key(self, account: str, key: str) -> None:
        """End one."""
        self._ask("DELETE", _path("accounts", account, "keys", key), Done)

    def clients(self) -> Iterator[tuple[Clients, bytes]]:
        """All accounts whose systems come in over Kafka, page by page."""
        return self._pages("/admin/clients", Clients)

    def create_client(self, account: str) -> tuple[Client, bytes]:
        """Let the systems of one in."""
        return self._ask("POST", _path("accounts", account, "client"), Client)

    def rotate_client(self, account: str) -> tuple[Client, bytes]:
        """Give them another password."""
        return self._ask("POST", _path("accounts", account, "client", "rotate"), Client)

    def revoke_client(self, account: str) -> None:
        """Shut them out."""
        self._ask("DELETE", _path("accounts", account, "client"), Done)

    def staff(self) -> Iterator[tuple[Staff, bytes]]:
        """All, page by page."""
        return self._pages("/admin/staff", Staff)

    def create_staff(self, name: str, role: str) -> tuple[Person, bytes]:
        """A new personal key."""
        return self._ask("POST", "/admin/staff", Person, {"name": name, "role": role})

    def revoke_staff(self, key: str) -> None:
        """End a personal key."""
        self._ask("DELETE", _path("staff", key), Done)

    def _pages(self, path: str, kind: type[P]) -> Iterator[tuple[P, bytes]]:
        query = {"limit": "200"}
        while True:
            page, octets = self._ask("GET", f"{path}?{urlencode(query)}", kind)
            yield page, octets
            if page.cursor is None:
                return
            query["cursor"] = page.cursor

    def _ask(self, method: str, path: str, kind: type[A], body: dict[str, Any] | None = None) -> tuple[A, bytes]:
        return self._gateway.ask(method, path, kind, body, unsent=NOT_ASKED, lost=NOT_KNOWN)


def _path(*steps: str) -> str:
    return "/admin/" + "/".join(quote(step, safe="") for step in steps)
