"""A folder that is made once for what it is made of, and kept until that changes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def once(cache: Path, digest: str, make: Callable[[Path, Path], None]) -> Path:
    """The folder of this digest below `cache`; `make` fills it when it is not there, and others are taken away then.

    `make` is given the new folder and one for what is needed on the way. Whoever comes second waits for the first.
    """
    folder = cache / digest
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
                draft = Path(scratch) / "made"
                draft.mkdir()
                make(draft, Path(scratch))
                for old in cache.glob("[0-9a-f]*/"):
                    shutil.rmtree(old)
                draft.rename(folder)
    return folder


def digest_of(paths: Iterable[Path], *more: str) -> str:
    """Changes with the contents of these files, and with the words beside them."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
