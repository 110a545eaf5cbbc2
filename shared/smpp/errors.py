"""What can go wrong on an SMPP link, as branches of the tree in `shared/errors.py`.

    Refused
    ├── MalformedPdu       a body that ends before its fields do; carries the status to answer with
    ├── UnencodablePdu     our own values do not fit the field they are meant for
    └── WrongDirection     a submit on a receiver bind, a deliver on a transmitter bind
    TryLater
    ├── ConnectFailed      no TCP or TLS connection, or it was lost before the answer to the bind
    │   └── BindTimedOut   connected, but the bind was not answered in time
    ├── BindRefused        the peer answered the bind with `status`
    ├── WindowFull         no free slot: wait for `writable()`
    └── NotBound           the bind is closed or closing

`WrongDirection`, `WindowFull` and `NotBound` are raised before anything is written: the message has not left.
"""

from __future__ import annotations

from shared.errors import Refused, TryLater


class MalformedPdu(Refused):
    """A body ended before its mandatory fields did."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__("smpp_malformed_pdu", detail)
        self.status = status


class UnencodablePdu(Refused):
    """A value does not fit its field: too long, out of range, or a NUL inside a C-octet string."""

    def __init__(self, detail: str) -> None:
        super().__init__("smpp_unencodable_pdu", detail)


class WrongDirection(Refused):
    """The bind's mode does not carry this request."""

    def __init__(self, detail: str) -> None:
        super().__init__("smpp_wrong_direction", detail)


class ConnectFailed(TryLater):
    """There is no connection to bind on."""

    def __init__(self, detail: str, code: str = "smpp_connect_failed") -> None:
        super().__init__(code, detail)


class BindTimedOut(ConnectFailed):
    """The peer took the connection and did not answer the bind."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, "smpp_bind_timed_out")


class BindRefused(TryLater):
    """The peer answered the bind with an error `status`, with or without a body (rule 9)."""

    def __init__(self, status: int) -> None:
        super().__init__("smpp_bind_refused", f"status {status:#010x}")
        self.status = status


class WindowFull(TryLater):
    """Every slot of the window is taken."""

    def __init__(self) -> None:
        super().__init__("smpp_window_full", "every slot of the window is taken")


class NotBound(TryLater):
    """The session takes no requests: not yet bound, unbinding, or closed."""

    def __init__(self) -> None:
        super().__init__("smpp_not_bound", "the session takes no requests")
