"""The broker's jars: exact coordinates, fetched once, checked at every start (`kafka-jars.txt`)."""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from shared.errors import Fatal

JARS = Path(__file__).with_name("kafka-jars.txt")
SYSTEM_CERTIFICATES = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "PIP_CERT")
_ATTEMPTS = 3
_AT_ONCE = 6


class Jar(msgspec.Struct, frozen=True):
    """One file by Maven coordinate and SHA-256 (hex)."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """`group:artifact:version`."""
        return f"{self.group}:{self.artifact}:{self.version}"


Fetch = Callable[[Jar, Path], Path]
"""Brings a jar into a folder and gives its path. Whatever it raises is one failed attempt."""

Progress = Callable[[int, int], None]
"""Told (jars in place, jars in all) while they are fetched."""


def read_list(path: Path = JARS) -> tuple[Jar, ...]:
    """Read lines of `group:artifact:version sha256=<hex>`; `#` starts a comment."""
    jars = []
    for line in path.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            coordinate, checksum = words
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, checksum.removeprefix("sha256=")))
    return tuple(jars)


def fetch_from_maven(jar: Jar, folder: Path) -> Path:
    """Fetch from Maven Central, or whatever mirror the network puts there.

    One exact artifact: jgo's own dependency resolution mixes broker and client versions that do not start together.
    """
    from jgo.maven import MavenContext  # imported late: a start with a full cache does without it

    trust = trusted_certificates(os.environ)
    if trust is not None:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", trust)
    context = MavenContext(repo_cache=folder, timeout=60)
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


def trusted_certificates(environment: Mapping[str, str], system: str | None = SYSTEM_CERTIFICATES) -> str | None:
    """The bundle that the machine trusts, as other programs are told of it; None leaves it to the HTTP client.

    The client would trust its own bundle alone, and fail behind a company's proxy that re-signs.
    """
    told = next((environment[name] for name in _BUNDLES if environment.get(name)), None)
    return told or (system if system and Path(system).is_file() else None)


class JarCache:
    """A folder in which a jar is either whole and right, or fetched again."""

    def __init__(self, folder: Path, fetch: Fetch = fetch_from_maven) -> None:
        self._folder = folder
        self._fetch = fetch

    def missing(self, jars: Sequence[Jar]) -> list[Jar]:
        """Those that are not there, or are but with another content."""
        return [jar for jar in jars if not _is(jar, self._folder / jar.file_name)]

    def ensure(self, jars: Sequence[Jar], progress: Progress | None = None) -> tuple[Path, ...]:
        """Paths of all jars, in order, each with the right SHA-256.

        Raises Fatal `jar_unavailable` when one cannot be fetched and `jar_checksum` when what came is another file.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = self.missing(jars)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            for done, _ in enumerate(pool.map(self._bring, missing), start=len(jars) - len(missing) + 1):
                if progress:
                    progress(done, len(jars))
        finally:
            pool.shutdown(cancel_futures=True)
        return tuple(self._folder / jar.file_name for jar in jars)

    def _bring(self, jar: Jar) -> None:
        """Fetch beside the cache, check, then move into place: nobody ever sees half a file there."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".fetching-") as folder:
            fetched = self._attempt(jar, Path(folder))
            if not _is(jar, fetched):
                raise Fatal("jar_checksum", f"{jar.coordinate} is not the file that {JARS.name} names")
            fetched.replace(self._folder / jar.file_name)

    def _attempt(self, jar: Jar, folder: Path) -> Path:
        reason = ""
        for _ in range(_ATTEMPTS):
            try:
                return self._fetch(jar, folder)
            except Exception as error:  # the library lets through whatever its HTTP client raises
                reason = f"{type(error).__name__}: {error}"
        raise Fatal("jar_unavailable", f"{jar.coordinate} could not be fetched ({reason}); is the network up?")


def _is(jar: Jar, path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
