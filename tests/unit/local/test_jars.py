"""A jar in the cache is whole and right, or fetched again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.local.jars import Jar, JarCache, read_list, trusted_certificates
from shared.errors import Fatal

CONTENT = b"a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """Stands in for Maven: gives one content, counts how often, fails as often as told."""

    def __init__(self, content: bytes = CONTENT, failures: int = 0) -> None:
        self.asked = 0
        self._content = content
        self._failures = failures

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked += 1
        if self.asked <= self._failures:
            raise ConnectionError("no route")
        path = folder / "deep" / jar.file_name
        path.parent.mkdir()
        path.write_bytes(self._content)
        return path


def test_a_jar_is_fetched_once(tmp_path: Path) -> None:
    repository = Repository()
    cache = JarCache(tmp_path, repository)
    assert cache.ensure([JAR]) == cache.ensure([JAR]) == (tmp_path / "thing-1.0.jar",)
    assert repository.asked == 1
    assert (tmp_path / "thing-1.0.jar").read_bytes() == CONTENT


def test_a_corrupted_jar_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.jar").write_bytes(CONTENT[:-1])
    (path,) = JarCache(tmp_path, Repository()).ensure([JAR])
    assert path.read_bytes() == CONTENT


def test_a_wrong_file_never_enters_the_cache(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"jar_checksum: org\.example:thing:1\.0"):
        JarCache(tmp_path, Repository(b"something else")).ensure([JAR])
    assert list(tmp_path.iterdir()) == []


def test_a_hiccup_of_the_network_is_tried_again(tmp_path: Path) -> None:
    (path,) = JarCache(tmp_path, Repository(failures=2)).ensure([JAR])
    assert path.exists()


def test_a_network_that_stays_away_names_the_jar(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"org\.example:thing:1\.0 could not be fetched .*no route"):
        JarCache(tmp_path, Repository(failures=99)).ensure([JAR])


def test_progress_counts_what_is_in_place(tmp_path: Path) -> None:
    other = Jar("org.example", "other", "1.0", JAR.sha256)
    JarCache(tmp_path, Repository()).ensure([JAR])
    seen: list[tuple[int, int]] = []
    JarCache(tmp_path, Repository()).ensure([JAR, other], lambda done, total: seen.append((done, total)))
    assert seen == [(2, 2)]


def test_the_list_names_the_broker_with_full_checksums() -> None:
    jars = read_list()
    assert {jar.version for jar in jars if jar.artifact == "kafka_2.13"} == {"4.4.0"}
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert len({jar.file_name for jar in jars}) == len(jars)


def test_certificates_are_those_the_machine_trusts(tmp_path: Path) -> None:
    system = tmp_path / "system.crt"
    assert trusted_certificates({}, str(system)) is None
    system.write_text("")
    assert trusted_certificates({}, str(system)) == str(system)
    assert trusted_certificates({"PIP_CERT": "/own.crt", "SSL_CERT_FILE": ""}, str(system)) == "/own.crt"
