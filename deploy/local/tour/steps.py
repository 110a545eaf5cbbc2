"""The steps of the tour, in order; each can be shown alone: `make demo-hold`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from deploy.local.terminal import Terminal
from deploy.local.tour import charge, hold, invoice, message, person
from deploy.local.tour.gateway import Gateway


class Step(msgspec.Struct, frozen=True):
    """One thing that the system does."""

    title: str
    show: Callable[[Gateway, Terminal], None]


STEPS: Mapping[str, Step] = {
    "message": Step("A message, from the door to the handset", message.show),
    "hold": Step("A message that waits for a person", hold.show),
    "charge": Step("A charge on a phone bill, and its refund", charge.show),
    "erase": Step("A person who is forgotten", person.show),
    "invoice": Step("The month's invoice", invoice.show),
}


def walk(gateway: Gateway, terminal: Terminal, names: Iterable[str]) -> None:
    """Show these steps. Raises Fatal `demo_failed` at the first that does not come to its end."""
    for name in names:
        step = STEPS[name]
        terminal.title(step.title)
        step.show(gateway, terminal)
