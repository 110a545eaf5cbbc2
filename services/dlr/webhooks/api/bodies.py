"""What the management takes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.dlr.webhooks.client.targets import MOST_CHARACTERS
from services.dlr.webhooks.endpoints.occasion import Occasion

# What is more than a length is documented here, and checked by `parse_target` with codes of its own.
Url = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="https or http, on port 80, 443, 8080 or 8443 of a public host.",
        extra_json_schema={"format": "uri", "pattern": "^https?://[!-~]+$"},
    ),
]
States = Annotated[
    list[Occasion],
    msgspec.Meta(
        min_length=1,
        max_length=len(Occasion),
        description="The states of messages that are told there; `received`: incoming messages, too.",
    ),
]


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a creation. Without `states`: all final ones."""

    url: Url
    states: States | None = None


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a change; what is not named stays. `enabled` true also ends a switching off by us."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    states: States | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
