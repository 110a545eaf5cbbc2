"""Colour and redrawing on a terminal only."""

from __future__ import annotations

import io

import pytest

from deploy.local.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, environment: dict[str, str]) -> str:
    terminal = Terminal(stream, environment)
    terminal.title("Title")
    terminal.waiting(["kafka"])
    terminal.done("kafka", "ready")
    terminal.failed("first\nsecond")
    return stream.getvalue()


def test_a_log_gets_plain_lines() -> None:
    assert shown(io.StringIO(), {}) == "\nTitle\n  ✓ kafka              ready\n  ✗ first\n    second\n"


def test_a_terminal_gets_colour_and_one_live_line() -> None:
    text = shown(Screen(), {"TERM": "xterm"})
    assert "\x1b[32m✓\x1b[0m" in text
    assert "\r\x1b[2K" in text


def test_no_color_is_obeyed() -> None:
    text = shown(Screen(), {"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b[3" not in text


@pytest.mark.parametrize("term", ["dumb"])
def test_a_dumb_terminal_gets_plain_lines(term: str) -> None:
    assert "\x1b" not in shown(Screen(), {"TERM": term})


def test_a_log_is_told_of_a_wait_after_every_ten_seconds_of_silence() -> None:
    stream = io.StringIO()
    seconds = iter([0.0, 5.0, 10.0, 10.0, 15.0, 20.0, 20.0, 20.0])
    terminal = Terminal(stream, {}, lambda: next(seconds))
    for _ in range(4):
        terminal.waiting(["kafka", "mongodb"])
    assert stream.getvalue() == "  … kafka, mongodb\n  … kafka, mongodb\n"
