"""A person is forgotten: everything of one number, in every service, with the proof."""

from __future__ import annotations

import secrets
from typing import Any

from deploy.local.terminal import Terminal
from deploy.local.tour.gateway import Gateway, until
from deploy.local.tour.message import DELIVER, follow, send
from shared.errors import Fatal

_SECONDS = 60.0


def show(gateway: Gateway, terminal: Terminal) -> None:
    """Send to a number, erase its person, see that the message knows nobody any more."""
    number = f"+47901{secrets.randbelow(90_000) + 10_000}"
    message_id = send(gateway, {"to": number, "from": "Budstikke", "text": "Husk timen i morgen kl. 9."})
    last = [step.state for step in follow(gateway, message_id, DELIVER)][-1]
    terminal.done(last, f"message {message_id}")

    order = gateway.customer("POST", "/v1/privacy/requests", {"number": number})["id"]
    terminal.done("ordered", f"{order}; the number itself is kept nowhere")
    finished = until(lambda: _finished(gateway, order), _SECONDS, "the erasure")
    counts = ", ".join(
        f"{service} {sum(deleted for deleted, _ in stores.values())}"
        for service, stores in sorted(finished["counts"].items())
    )
    terminal.done("erased", f"rows: {counts}; each owner answered")
    if number in str(gateway.customer("GET", f"/v1/messages/{message_id}")):
        raise Fatal("demo_failed", f"message {message_id} still knows its recipient")
    terminal.done("proof", "on the chained record: bin/budstikke privacy verify")


def _finished(gateway: Gateway, order: str) -> Any:
    found = gateway.customer("GET", f"/v1/privacy/requests/{order}")
    return found if found["state"] == "finished" else None
