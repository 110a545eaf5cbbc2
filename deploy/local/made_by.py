"""A data folder carries the name and version of the server that made it; a folder without it was never finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from shared.errors import Fatal

_FILE = "made-by.json"


class Signature(msgspec.Struct, frozen=True):
    """Which server's data these are."""

    server: str
    version: str


def sign(folder: Path, server: str, version: str) -> None:
    """Mark a folder as complete."""
    (folder / _FILE).write_bytes(msgspec.json.encode(Signature(server, version)))


def check(folder: Path, server: str, version: str) -> bool:
    """Whether the folder holds this server's data. An unsigned one is a half-made one: it is removed.

    Raises Fatal `data_version` when another version, or another server, made it.
    """
    try:
        signature = msgspec.json.decode((folder / _FILE).read_bytes(), type=Signature)
    except (FileNotFoundError, msgspec.DecodeError):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    if signature != Signature(server, version):
        raise Fatal(
            "data_version",
            f"{folder} was made by {signature.server} {signature.version}, this is {server} {version}; "
            "`make clean` removes it with all local data",
        )
    return True
