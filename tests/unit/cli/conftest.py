from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import typer.testing

from cli import settings
from cli.app import app
from tests.unit.cli.gateway import Answer, FakeGateway

Run = Callable[..., typer.testing.Result]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine that runs the tests."""
    for name in (
        settings.API,
        settings.KEY,
        settings.KEY_FILE,
        settings.STAFF_KEY,
        settings.STAFF_KEY_FILE,
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "LOCAL_FILE", tmp_path / "local.env")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeGateway]]:
    """Starts a gateway that gives these answers, and tells the command of it through the environment."""
    with ExitStack() as stack:

        def start(*answers: Answer) -> FakeGateway:
            fake = stack.enter_context(FakeGateway(answers).serving())
            monkeypatch.setenv(settings.API, fake.url)
            monkeypatch.setenv(settings.KEY, "bsk_test")
            return fake

        yield start


@pytest.fixture
def budstikke() -> Run:
    """Runs the command in this process."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> typer.testing.Result:
        return typer.testing.CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)

    return run
