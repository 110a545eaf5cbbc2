"""Who asks: the bearer key of a request."""

from __future__ import annotations

from typing import Final

from services.ingest.accounts.account import Grant
from services.ingest.accounts.keys import Scope
from services.ingest.accounts.view import AccountView
from services.ingest.api.bodies import Headers
from services.ingest.api.problems import Code, Rejected

_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="budstikke"'}


async def authenticate(view: AccountView, headers: Headers, scope: Scope) -> Grant:
    """The grant behind the key, good for `scope`.

    Raises `Rejected`: `unauthorized`, which never says what was wrong, or `scope_missing`; `TryLater` when keys
    cannot be looked up.
    """
    kind, _, key = headers.get(b"authorization", b"").partition(b" ")
    grant = await view.grant(key.strip().decode("latin-1")) if kind.lower() == b"bearer" else None
    if grant is None:
        raise Rejected(Code.UNAUTHORIZED, headers=_CHALLENGE)
    if scope not in grant.key.scopes:
        raise Rejected(Code.SCOPE_MISSING)
    return grant
