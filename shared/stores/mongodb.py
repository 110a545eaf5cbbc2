"""MongoDB as our services use it: one database per service, majority and journaled writes, clear start-up errors."""

from __future__ import annotations

import asyncio
from typing import Any

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from shared.errors import BadSettings, TryLater
from shared.lifecycle import Health

Document = dict[str, Any]
Database = AsyncDatabase[Document]

_SELECTION_MS = 5_000
_SOCKET_MS = 20_000


class MongoStore:
    """A component that owns the client of one service's database. `database` is usable after `start`."""

    def __init__(self, uri: str, database: str, *, pool: int = 32) -> None:
        self.name = "mongodb"
        self._uri = uri
        self._database_name = database
        self._pool = pool
        self._client: AsyncMongoClient[Document] | None = None
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """The service's database: writes are acknowledged by a majority and journaled, reads are of the primary."""
        if self._database is None:
            raise RuntimeError("the store is used before its start")
        return self._database

    async def start(self) -> None:
        """Connect and ask for the primary. Raises `TryLater` when it does not answer, `BadSettings` for a bad URI."""
        try:
            self._client = AsyncMongoClient(
                self._uri,
                tz_aware=True,
                maxPoolSize=self._pool,
                serverSelectionTimeoutMS=_SELECTION_MS,
                socketTimeoutMS=_SOCKET_MS,
                retryWrites=True,
                appname=f"budstikke-{self._database_name}",
            )
            hello = await self._client.admin.command("hello")
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise BadSettings("bad_settings", f"BUDSTIKKE_MONGODB: not a usable URI ({type(error).__name__})") from None
        except OperationFailure as error:
            raise BadSettings(
                "mongodb_refused", f"BUDSTIKKE_MONGODB: refused by the server (code {error.code})"
            ) from None
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"BUDSTIKKE_MONGODB: no answer ({type(error).__name__})") from None
        if "setName" not in hello:
            raise BadSettings("mongodb_not_replicated", "BUDSTIKKE_MONGODB: the server is no member of a replica set")
        self._database = self._client.get_database(
            self._database_name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=15_000),
            read_concern=ReadConcern("majority"),
        )

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - closing a client does not wait
        """Close the client."""
        if self._client is not None:
            await self._client.close()
        self._client = self._database = None

    async def wait(self) -> None:
        """A client never ends by itself; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready once connected; what fails later shows in the role that uses it."""
        return Health(ready=self._database is not None, reason="" if self._database is not None else "not connected")
