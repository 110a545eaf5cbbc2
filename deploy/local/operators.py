"""An operators file as a run takes it: checked as the services check it, with errors that go by the file's own name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from services.dispatch.operators import config
from shared.errors import BadSettings

_SETTING = "BUDSTIKKE_OPERATORS: "  # what the services call the file, whichever it is


def names(path: Path) -> tuple[str, ...]:
    """The operators of a file. Raises `BadSettings` that names the file, the place in it and the reason."""
    with _called(path):
        return tuple(config.load(path).operators)


def read(path: Path, environment: Mapping[str, str]) -> str:
    """The text of a file with which the services will start: each password is where its link says, in this environment
    or in a file. Raises `BadSettings` as `names` does.
    """
    with _called(path):
        for operator in config.load(path).operators.values():
            for link in operator.links:
                config.password_of(link, environment)
    return path.read_text(encoding="utf-8")


@contextmanager
def _called(path: Path) -> Iterator[None]:
    try:
        yield
    except BadSettings as error:
        raise BadSettings(error.code, f"{path}: {error.detail.removeprefix(_SETTING)}") from None
