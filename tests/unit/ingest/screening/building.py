"""Screening put together for a test: accounts that the test names, counters in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account
from services.ingest.screening.counters import Entry, Standing
from services.ingest.screening.counting import Tallies
from services.ingest.screening.facts import AccountFacts, Case, Form, facts_of
from services.ingest.screening.known import Known
from services.ingest.screening.metrics import ScreeningMetrics
from services.ingest.screening.outputs import Outputs
from services.ingest.screening.screening import Screening, read_request
from shared.clock import ManualClock
from shared.contracts import codec
from shared.contracts.accounts import AccountChanged
from shared.contracts.events import Event, SendRequested
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Output, Received, Record, header
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.text.numbers import Number
from shared.text.segments import Coding
from tests.unit.dispatch.building import ACCOUNT, NUMBER, PARTITIONS, START, Letters, as_record, record_of

LATER = START + timedelta(hours=1)
FORM = Form(number=Number(NUMBER), sender="Budstikke", coding=Coding.GSM7, parts=1, country="NO")


class CountersInMemory:
    """`counters.SharedCounters` without the server; a test holds both to the same cases."""

    def __init__(self) -> None:
        self.seen: dict[bytes, str] = {}
        self.used: dict[tuple[str, AccountId], int] = {}

    async def count(self, entries: Sequence[Entry]) -> Sequence[Standing]:
        return [self._one(entry) for entry in entries]

    def _one(self, entry: Entry) -> Standing:
        stood = self.seen.setdefault(entry.event, entry.place)
        first = stood is entry.place
        if not first and stood.rstrip("!") != entry.place:
            return Standing.REPEATED
        counted = not first and not stood.endswith("!")
        if counted or entry.cap < 0:
            return Standing.FRESH if first else Standing.REPLAYED
        key = (entry.month, entry.account_id)
        if self.used.get(key, 0) >= entry.cap:
            self.seen[entry.event] = f"{entry.place}!"
            return Standing.FULL if first else Standing.FULL_AGAIN
        self.used[key] = self.used.get(key, 0) + 1
        self.seen[entry.event] = entry.place
        return Standing.FRESH if first else Standing.REPLAYED


def account(**changes: Any) -> AccountChanged:
    """An account that may send as `Budstikke`, at any hour."""
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "organisation_id": "o",
        "state": AccountState.ACTIVE,
        "version": 1,
        "changed_at": START,
        "default_sender": "Budstikke",
        "registered_senders": ("Firma", "+4722222222"),
        "approved_domains": ("firma.example",),
        "quiet_from": 0,
        "quiet_to": 0,
    }
    return AccountChanged(**(fields | changes))


def facts(**changes: Any) -> AccountFacts:
    """The same for the rules."""
    return facts_of(account(**changes))


def case(letters: Letters, text: str = "hei", **changes: Any) -> Case:
    """A request before the rules. What is no field of a case is one of its request."""
    own = {name: changes.pop(name) for name in ("account", "opted_out", "signals", "now") if name in changes}
    sender = changes.get("sender", "Budstikke")
    request = letters.requested(text, **{"valid_until": LATER, "requested_at": START, **changes})
    fields: dict[str, Any] = {
        "request": request,
        "form": Form(Number(NUMBER), sender, Coding.GSM7, 1, "NO"),
        "text": text,
        "account": facts(),
        "opted_out": False,
        "signals": (),
        "now": START,
    }
    return Case(**(fields | own))


class Bench:
    """A screening with everything that it leans on."""

    def __init__(self, letters: Letters, registry: CollectorRegistry | None = None, cap: int = 1000) -> None:
        self.letters = letters
        self.clock = ManualClock(START)
        self.counters = CountersInMemory()
        self.tallies = Tallies()
        self.stored: dict[str, Account] = {}
        self.known = Known(self._find, Pseudonyms(letters.keys))
        self.told(account())
        sealer = Sealer(letters.keys, self.clock)
        self.screening = Screening(
            self.known,
            self.counters,
            Outputs(sealer, Pseudonyms(letters.keys), PARTITIONS),
            sealer,
            self.clock,
            self.tallies,
            ScreeningMetrics(registry or CollectorRegistry()),
            messages_per_month=cap,
        )

    async def _find(self, account_id: AccountId) -> Account | None:
        return self.stored.get(account_id)

    def told(self, event: Event, topic: str = "config.accounts", key: str = "k") -> None:
        """One of the compacted topics tells something."""
        self.known.apply(as_record(topic, event, "0" * 36, key), event)

    async def __call__(self, *batch: Received[SendRequested]) -> list[Output]:
        return list(await self.screening(batch))

    async def events(self, *batch: Received[SendRequested]) -> list[Event]:
        """What is written, decoded."""
        return [event(output) for output in await self(*batch)]


def asked(letters: Letters, **changes: Any) -> Received[SendRequested]:
    """A request as a record of its topic."""
    name = changes.pop("event", "requested")
    request = letters.requested(**{"requested_at": START, "valid_until": LATER, **changes})
    record = as_record(f"sms.requests.{request.lane}", request, request.message_id, f"{request.message_id}:{name}")
    return Received(record, read_request(record))


def again(received: Received[SendRequested], **changes: Any) -> Received[SendRequested]:
    """The same event once more, as another record."""
    record = received.record
    fields = {name: getattr(record, name) for name in Record.__struct_fields__}
    return Received(Record(**(fields | {"offset": record.offset + 1_000_000} | changes)), received.event)


def event(output: Output) -> Event:
    return codec.read(record_of(output))


def ids(outputs: Sequence[Output]) -> list[str]:
    return [(header(record_of(output), "ce_id") or b"").decode() for output in outputs]
