"""`POST /v1/premium/one-time-passwords` and `POST /v1/premium/charges`: orders to charge a subscriber's phone bill.

What became of them is read at `/v1/premium/transactions`, which billing answers. Order of effects as for messages: who,
what, the account's limits; the idempotency key's row; the broker; the row's answer; then 202.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeAlias

import msgspec
import uuid_utils
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ingest.accounts.account import Account, Grant
from services.ingest.accounts.keys import Scope
from services.ingest.accounts.sending import stopped
from services.ingest.accounts.view import AccountView
from services.ingest.api.accepting import SOURCE
from services.ingest.api.authentication import authenticate
from services.ingest.api.bodies import headers_of, read_json
from services.ingest.api.limiting import Header, limit_headers, require_within_limits
from services.ingest.api.premium_drafting import Wanted, charge_wanted, password_wanted
from services.ingest.api.problems import Code, FieldCode, Rejected, invalid
from services.ingest.api.repeating import IDEMPOTENCY_KEY, REPLAYED, OfKey, idempotency_key
from services.ingest.idempotency.claims import Claim, Claims, Replay
from services.ingest.idempotency.key import IdempotencyKey
from services.ingest.limits.limiter import Limiter
from shared.clock import Clock
from shared.contracts.codec import Writer
from shared.contracts.events import Actor
from shared.contracts.premium import Consent, ConsentKind, PremiumKind, PremiumOrdered, TransactionId
from shared.contracts.states import State
from shared.contracts.topics import PREMIUM_ORDERS
from shared.errors import FieldError, TryLater
from shared.ids import AccountId, DerivedIds, partition_of
from shared.kafka.record import Output
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealed, Sealer
from shared.strex.agreements import Agreements

PASSWORDS: Final = "/v1/premium/one-time-passwords"
CHARGES: Final = "/v1/premium/charges"

Check: TypeAlias = Callable[[bytes, Account, Agreements], Wanted]


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    async def __call__(self, outputs: Sequence[Output]) -> None:
        """Return once all replicas have everything. Raises `TryLater`."""
        ...


class Ordered(msgspec.Struct, frozen=True):
    """Answer to both: what was ordered, under the id that it has from here to the bill."""

    id: TransactionId
    to: str
    kind: PremiumKind
    price: int
    state: State = State.ACCEPTED


class PremiumDoor:
    """Takes premium orders over."""

    def __init__(
        self,
        *,
        view: AccountView,
        agreements: Agreements,
        limiter: Limiter,
        claims: Claims,
        send: Send,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        clock: Clock,
        partitions: int,
    ) -> None:
        self._view = view
        self._agreements = agreements
        self._limiter = limiter
        self._claims = claims
        self._send = send
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._partitions = partitions
        self._writer = Writer(SOURCE)

    def routes(self) -> list[Route]:
        """The paths that are answered here."""

        async def password(request: Request) -> Response:
            return await self._take(request, PremiumKind.ONE_TIME_PASSWORD, password_wanted)

        async def charge(request: Request) -> Response:
            return await self._take(request, PremiumKind.CHARGE, charge_wanted)

        return [Route(PASSWORDS, password, methods=["POST"]), Route(CHARGES, charge, methods=["POST"])]

    async def _take(self, request: Request, kind: PremiumKind, check: Check) -> Response:
        headers = headers_of(request.scope)
        grant = await authenticate(self._view, request.scope, headers, Scope.SEND)
        key = idempotency_key(request.scope) if IDEMPOTENCY_KEY in headers else None
        body = await read_json(headers, request.receive)
        repeat = None if key is None else OfKey(self._claims, grant, key, body, f"premium {kind} ")
        try:
            wanted = check(body, grant.account, self._agreements)
            _require_may_charge(grant, wanted)
            _require_one_charge(wanted, key)
        except Rejected:
            # What is wrong today may have been right when it was answered.
            replay = None if repeat is None else await repeat.answered()
            if replay is None:
                raise
            return _answer(replay.body, REPLAYED)
        standing = await self._limiter.take(grant.account, 1, 1)
        require_within_limits(standing)
        claim = None if repeat is None else await repeat.claim()
        if isinstance(claim, Replay):
            return _answer(claim.body, REPLAYED, *limit_headers(standing))
        answer = await self._order(kind, wanted, grant, claim, request)
        if claim is not None:
            self._claims.answer(claim, answer)
        return _answer(answer, *limit_headers(standing))

    async def _order(
        self, kind: PremiumKind, wanted: Wanted, grant: Grant, claim: Claim | None, request: Request
    ) -> bytes:
        """The answer, once the broker has the order. A repeat orders the same transaction, and it is made once."""
        at = self._clock.now() if claim is None else claim.at
        account_id = grant.account.account_id
        name = wanted.transaction_id or _transaction_id(account_id, claim)
        client = request.client
        order = PremiumOrdered(
            transaction_id=name,
            account_id=account_id,
            kind=kind,
            ordered_at=at,
            terms=wanted.terms,
            to=self._sealer.seal(account_id, name, "to", wanted.number, at),
            pseudonym=self._pseudonyms.of(account_id, wanted.number, at),
            content=self._sealed(account_id, name, "content", wanted.text, at),
            one_time_password=self._sealed(account_id, name, "one_time_password", wanted.code, at),
            consent=_consent(kind, name, wanted, at),
            reference=wanted.reference,
            actor=Actor(key_id=grant.key.key_id, ip=client.host if client else None),
        )
        output = self._writer.output(
            PREMIUM_ORDERS,
            partition_of(name, self._partitions),
            order,
            event_id=f"{name}:{kind}",
            time=at,
            subject=name,
        )
        try:
            await self._send([output])
        except TryLater as error:
            raise TryLater("broker_unavailable", error.detail) from error
        return msgspec.json.encode(Ordered(name, wanted.number, kind, wanted.terms.price))

    def _sealed(
        self, account_id: AccountId, name: TransactionId, field: str, text: str | None, at: datetime
    ) -> Sealed | None:
        return None if text is None else self._sealer.seal(account_id, name, field, text, at)


def _require_may_charge(grant: Grant, wanted: Wanted) -> None:
    """Raises `Rejected`: `account_suspended`, `premium_suspended`, `sender_suspended`; `scope_missing` for a key for
    tests, for money is never a test.
    """
    if Scope.TEST in grant.key.scopes:
        raise Rejected(Code.SCOPE_MISSING, "a key for tests charges nobody")
    why = stopped(grant.account, None, wanted.terms.short_number, premium=True)
    if why is not None:
        error = FieldError("/short_number", FieldCode.SUSPENDED, "is suspended")
        code = Code(why)
        raise Rejected(code, errors=(error,) if code is Code.SENDER_SUSPENDED else ())


def _require_one_charge(wanted: Wanted, key: IdempotencyKey | None) -> None:
    """A charge without code has no id until we give it one: only by its key is a repeat the same charge. Raises
    `Rejected` (`idempotency_key_missing`).
    """
    if wanted.consent_ref is not None and key is None:
        raise invalid(
            "", FieldCode.IDEMPOTENCY_KEY_MISSING, "a charge with consent_ref needs the header Idempotency-Key"
        )


def _consent(kind: PremiumKind, name: TransactionId, wanted: Wanted, at: datetime) -> Consent | None:
    if kind is PremiumKind.ONE_TIME_PASSWORD:
        return None
    if wanted.code is not None:
        return Consent(kind=ConsentKind.ONE_TIME_PASSWORD, at=at, reference=name)
    return Consent(kind=ConsentKind.DECLARED, at=at, reference=wanted.consent_ref)


def _transaction_id(account_id: AccountId, claim: Claim | None) -> TransactionId:
    """Derived from the key, if there is one: then a repeat is the same transaction."""
    if claim is None:
        return TransactionId(str(uuid_utils.uuid7()))
    return TransactionId(DerivedIds(account_id, claim.key, claim.at).of(0))


def _answer(body: bytes, *headers: Header) -> Response:
    told = {name.decode(): value.decode() for name, value in headers}
    return Response(body, 202, headers=told, media_type="application/json")
