"""What the gateway says. Members that are not known here are ignored: a newer gateway says more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Sent:
    """The verdict on one recipient. One that was not accepted has no `id`, and an `error` code."""

    id: str
    to: str
    state: str
    parts: int | None
    coding: str | None
    error: str | None

    @property
    def accepted(self) -> bool:
        """Whether the gateway took the message over."""
        return self.error is None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Sent:
        """From an entry of `messages`."""
        error = body.get("error")
        return cls(
            id=body["id"] or "",
            to=body["to"],
            state=body["state"],
            parts=body.get("parts"),
            coding=body.get("coding"),
            error=None if error is None else error["code"],
        )


@dataclass(frozen=True)
class Status:
    """A message now. `body` is the whole answer."""

    id: str
    state: str
    final: bool
    reason: str | None
    reference: str | None
    body: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Status:
        """From the answer to `GET /v1/messages/{id}`."""
        return cls(
            id=body["id"],
            state=body["state"],
            final=body["final"],
            reason=body.get("reason"),
            reference=body.get("reference"),
            body=body,
        )


@dataclass(frozen=True)
class Event:
    """One thing that happened, from a webhook or from Kafka. One that comes again has the same `id` again."""

    id: str
    type: str
    created_at: datetime
    data: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Event:
        """From the JSON that both carry."""
        created_at = datetime.fromisoformat(body["created_at"])
        return cls(id=body["id"], type=body["type"], created_at=created_at, data=body["data"])
