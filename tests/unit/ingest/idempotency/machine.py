"""Requests that are repeated while doors die between claim, produce and answer (promise P4), as a state machine.

A `Caller` goes through one request step by step, so that the machine can stop it anywhere. What counts in the end: of
one key (in 72 hours, with one body) the topic knows one set of ids, and an answer names ids that are all on the topic.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from prometheus_client import CollectorRegistry

from services.ingest.idempotency.claims import Claim, Claims, KeyReused, Replay
from services.ingest.idempotency.key import IdempotencyKey
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import LIFETIME, Rows
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.ids import AccountId, DerivedIds, MessageId
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.tasks import end
from tests.unit.ingest.idempotency.rows import MemoryRows

ACME = AccountId("acme")
KEYS = [IdempotencyKey("k-1"), IdempotencyKey("k-2")]
BODIES = ["a" * 64, "b" * 64]
RECIPIENTS = 3
FAULTS = ("insert", "replace", "answer", "find")


class Caller(msgspec.Struct):
    """One try of one request at one door. `claim` is set after step 1, `produced` counts records of step 2."""

    key: IdempotencyKey
    body: str
    claim: Claim | None = None
    produced: int = 0

    @property
    def ids(self) -> list[MessageId]:
        assert self.claim is not None
        derived = DerivedIds(ACME, self.key, self.claim.at)
        return [derived.of(place) for place in range(RECIPIENTS)]


class Repeats(RuleBasedStateMachine):
    """Rules are steps of doors, faults of the store, and time. Dying is never to be continued."""

    callers = Bundle("callers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
        self.rows = self.make_rows()
        self.topic: set[MessageId] = set()
        self.answers: dict[tuple[IdempotencyKey, datetime], set[bytes]] = {}
        self.owner: dict[tuple[IdempotencyKey, datetime], str] = {}
        self.claims = self.new_door()

    def make_rows(self) -> Rows:
        """The store under test."""
        return MemoryRows()

    def new_door(self) -> Claims:
        sealer = Sealer(FileKeyStore(Path(self.folder.name) / "keys"), self.clock)
        return Claims(self.rows, sealer, self.clock, IdempotencyMetrics(CollectorRegistry()))

    @rule(target=callers, key=st.sampled_from(KEYS), body=st.sampled_from(BODIES))
    def ask(self, key: IdempotencyKey, body: str) -> object:
        """A request arrives and claims its key."""
        caller = Caller(key, body)
        return caller if self._claim(caller) else multiple()

    @rule(key=st.sampled_from(KEYS), body=st.lists(st.sampled_from(BODIES), min_size=2, max_size=4))
    def ask_at_once(self, key: IdempotencyKey, body: list[str]) -> None:
        """Several clients at the same moment."""

        async def together() -> list[object]:
            calls = [self.claims.claim(ACME, key, one) for one in body]
            return list(await asyncio.gather(*calls, return_exceptions=True))

        answers = self.loop.run_until_complete(together())
        held = {answer.at for answer in answers if isinstance(answer, Claim)}
        assert len(held) <= 1
        winners = {one for one, answer in zip(body, answers, strict=True) if isinstance(answer, Claim | Replay)}
        assert len(winners) <= 1
        for answer in answers:
            assert isinstance(answer, Claim | Replay | KeyReused | TryLater), answer
            if isinstance(answer, Claim):
                self._is_owner(answer, winners.copy().pop())

    @rule(caller=callers)
    def produce(self, caller: Caller) -> None:
        """One more record is on the topic."""
        if caller.produced < RECIPIENTS:
            self.topic.add(caller.ids[caller.produced])
            caller.produced += 1

    @rule(caller=callers, kept=st.booleans())
    def answer(self, caller: Caller, kept: bool) -> None:
        """All records are acknowledged: the answer is given and kept, at once or when there is time."""
        while caller.produced < RECIPIENTS:
            self.produce(caller)
        assert caller.claim is not None
        body = msgspec.json.encode(caller.ids)
        self.loop.run_until_complete(answered(self.claims, caller.claim, body, kept=kept))
        self._answered(caller.key, caller.claim.at, body)

    @rule(call=st.sampled_from(FAULTS), lost=st.booleans())
    def fault(self, call: str, lost: bool) -> None:
        """The next call of that kind fails, before or after its effect."""
        if isinstance(self.rows, MemoryRows):
            (self.rows.lose if lost and call != "find" else self.rows.fail)[call] = 1

    @rule(seconds=st.sampled_from([0.001, 60, 3600, LIFETIME.total_seconds() - 1, LIFETIME.total_seconds()]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        """The door dies; another one knows only the store."""
        self._kill()
        self.claims = self.new_door()

    @invariant()
    def every_answer_is_one_and_is_on_the_topic(self) -> None:
        for given in self.answers.values():
            assert len(given) == 1
            assert set(msgspec.json.decode(next(iter(given)))) <= self.topic

    @invariant()
    def one_key_is_one_set_of_messages(self) -> None:
        times: dict[IdempotencyKey, list[datetime]] = {}
        for key, at in self.owner:
            times.setdefault(key, []).append(at)
        for claimed in times.values():
            claimed.sort()
            assert all(later - earlier >= LIFETIME for earlier, later in pairwise(claimed))

    def teardown(self) -> None:
        self._kill()
        self.loop.close()
        self.folder.cleanup()

    def _kill(self) -> None:
        self.loop.run_until_complete(end(*asyncio.all_tasks(self.loop)))

    def _claim(self, caller: Caller) -> bool:
        try:
            found = self.loop.run_until_complete(self.claims.claim(ACME, caller.key, caller.body))
        except (KeyReused, TryLater):
            return False
        if isinstance(found, Replay):
            (known,) = [
                at
                for (key, at), body in self.owner.items()
                if key == caller.key and body == caller.body and at + LIFETIME > self.clock.now()
            ]
            self._answered(caller.key, known, found.body)
            return False
        caller.claim = found
        self._is_owner(found, caller.body)
        return True

    def _is_owner(self, claim: Claim, body: str) -> None:
        assert self.owner.setdefault((claim.key, claim.at), body) == body

    def _answered(self, key: IdempotencyKey, at: datetime, body: bytes) -> None:
        self.answers.setdefault((key, at), set()).add(body)


async def answered(claims: Claims, claim: Claim, body: bytes, *, kept: bool) -> None:
    """Tell the caller, and let the row know it if it is to be kept at once."""
    claims.answer(claim, body)
    if kept:
        await claims.answers.stop(1.0)
