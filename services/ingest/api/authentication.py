"""Who asks: the bearer key of a request, or an account and its password, or an account and its address."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from starlette.types import Scope as Connection

from services.ingest.accounts.account import Account, Grant
from services.ingest.accounts.keys import Scope
from services.ingest.accounts.sending import Stopped, stopped
from services.ingest.accounts.view import AccountView
from services.ingest.api.bodies import Headers
from services.ingest.api.problems import Code, FieldCode, Rejected
from shared.contracts.words import Lane
from shared.errors import FieldError

CHALLENGE: Final = {"www-authenticate": 'Bearer realm="budstikke", Basic realm="budstikke", charset="UTF-8"'}

_LONGEST: Final = 1024
_POINTERS: Final = {Stopped.LANE: "/lane", Stopped.SENDER: "/from", Stopped.PREMIUM: "/premium"}


async def authenticate(view: AccountView, connection: Connection, headers: Headers, scope: Scope) -> Grant:
    """The grant behind the request, good for `scope`.

    Raises `Rejected`: `unauthorized`, which never says what was wrong, or `scope_missing`; `TryLater` when nobody can
    be looked up.
    """
    client = connection["client"]
    grant = await _grant(view, headers.get(b"authorization", b""), client[0] if client else None)
    if grant is None:
        raise Rejected(Code.UNAUTHORIZED, headers=CHALLENGE)
    if scope not in grant.key.scopes:
        raise Rejected(Code.SCOPE_MISSING)
    return grant


def require_may_send(account: Account, lane: Lane, sender: str) -> None:
    """Raise `Rejected` when the account, or that part of it, is suspended (`account_suspended`, `lane_suspended`,
    `sender_suspended`).
    """
    why = stopped(account, lane, sender)
    if why is None:
        return
    code = Code(why)
    pointer = _POINTERS.get(why)
    raise Rejected(code, errors=() if pointer is None else (FieldError(pointer, FieldCode.SUSPENDED, "is suspended"),))


async def _grant(view: AccountView, authorization: bytes, address: str | None) -> Grant | None:
    if len(authorization) > _LONGEST:
        return None
    kind, _, credentials = authorization.partition(b" ")
    kind = kind.lower()
    if kind == b"bearer":
        return await view.grant(credentials.strip().decode("latin-1"), address)
    if kind == b"basic":
        try:
            user, colon, password = b64decode(credentials.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return await view.login(user, password, address) if colon else None
    return None
