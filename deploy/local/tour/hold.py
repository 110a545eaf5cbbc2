"""A message with a link that nobody has approved for the account waits for a person, who lets it go."""

from __future__ import annotations

import secrets

from deploy.local.terminal import Terminal
from deploy.local.tour.gateway import Gateway, until
from deploy.local.tour.message import DELIVER, follow, send


def show(gateway: Gateway, terminal: Terminal) -> None:
    """Send, find the hold at the desk, approve it, see the message delivered."""
    domain = f"gave-{secrets.token_hex(3)}.example"  # another each time: an approval is for what was looked at
    message_id = send(
        gateway, {"to": "+4790000002", "from": "Budstikke", "text": f"Hent gaven din: https://{domain}/hent"}
    )
    terminal.done("POST /v1/messages", f"202, message {message_id}")

    def waiting() -> str | None:
        for hold in gateway.staff("GET", "/admin/holds?state=open&account=demo")["holds"]:
            if any(domain in finding["evidence"] for finding in hold["findings"]):
                return str(hold["id"])
        return None

    hold = until(waiting, DELIVER, "the hold")
    terminal.done("held", f"unapproved_link {domain}, {hold}; nothing is charged meanwhile")
    gateway.staff("POST", f"/admin/holds/{hold}/approve", {"reason": "the customer confirmed the link"})
    terminal.done("approved", "by a person at the desk, on record with name, time and address")
    for step in follow(gateway, message_id, DELIVER):
        if step.state in {"submitted", "delivered"}:
            terminal.done(step.state, f"{step.at:%H:%M:%S}")
