"""Ports of this machine: free ones, and who holds a taken one."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

from shared.errors import Fatal

HOST = "127.0.0.1"
# Below Linux' ephemeral range (32768 and up): no outgoing connection can take one between our look and its use.
_FREE = range(22000, 32000)
_SPAN = 200
"""More than the ports of a whole run, which begin at a free one."""
SHARE = "FREE_PORTS"
"""Variable `<index>/<count>`: of several who start servers at once, each looks for ports in a part of its own."""
_LISTEN = "0A"  # state column of /proc/net/tcp


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(source: random.Random | None = None) -> int:
    """A port that nobody listens on, of our part of them (`SHARE`)."""
    pick = source or random.SystemRandom()
    index, _, count = os.environ.get(SHARE, "0/1").partition("/")
    size = len(_FREE) // int(count)
    part = _FREE[int(index) * size : (int(index) + 1) * size - _SPAN]
    while not is_free(port := pick.choice(part)):
        pass
    return port


def require_free(port: int, purpose: str) -> None:
    """Raise Fatal `port_in_use` that names the holder, if it can be read, and the setting to change."""
    if is_free(port):
        return
    holder = who_listens(port)
    by = f" by process {holder[0]} ({holder[1]})" if holder else ""
    raise Fatal(
        "port_in_use",
        f"port {port} ({purpose}) is taken{by}; end that process or choose other ports: make run PORT_BASE=21000",
    )


def who_listens(port: int) -> tuple[int, str] | None:
    """Pid and command of the process that listens on a port; None when it is another user's or none."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*"):
        if sockets & _open_sockets(folder):
            return int(folder.name), _command(folder)
    return None


def _listening_inodes(port: int) -> set[str]:
    """Inodes of sockets in LISTEN on a port (proc(5): column 1 local address in hex, 3 state, 9 inode)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            columns = line.split()
            if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes


def _open_sockets(folder: Path) -> set[str]:
    found = set()
    try:
        for link in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed while we looked, as the listing itself is
                found.add(str(link.readlink()))
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return found  # another user's process, or one that has ended
    return found


def _command(folder: Path) -> str:
    """The command line, by the program's name without its folder, cut to 80 characters."""
    try:
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return "unknown"
    line = " ".join([Path(words[0]).name, *words[1:]]) if words else "unknown"
    return line if len(line) <= 80 else line[:79] + "…"
