"""The table of attacks says what the tests say, and how they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import attacks as runner
from docs.sections.attacks import Attack, Outcome, found, results

ONE = Attack("test_one.py", "test_a", "kill -9.", "nothing is lost.")
SOURCE = '''
async def test_a() -> None:
    """kill -9.

    Holds: nothing is lost.
    """

async def test_b() -> None:
    """No attack."""
'''


def test_an_attack_is_a_test_that_says_what_must_hold(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(SOURCE)
    assert list(found(tmp_path)) == [ONE]


def test_every_attack_has_been_run_and_held() -> None:
    outcomes = results().outcomes
    assert [f"{each.file}::{each.test}" for each in found() if f"{each.file}::{each.test}" not in outcomes] == [], (
        "run `.venv/bin/python -m docs.attacks` and commit what it writes"
    )
    assert [name for name, outcome in outcomes.items() if outcome.held != outcome.cases] == []


def test_the_outcome_of_an_attack_is_that_of_all_its_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "found", lambda: iter([ONE]))
    report = tmp_path / "report.xml"
    report.write_text(
        """<testsuites><testsuite>
        <testcase name="test_a[x]" file="tests/test_one.py"><properties>
            <property name="figure" value="5 of 5"/><property name="other" value="6"/></properties></testcase>
        <testcase name="test_a[y]" file="tests/test_one.py"><failure message="lost"/></testcase>
        <testcase name="test_a" file="tests/test_two.py"><error message="elsewhere"/></testcase>
        </testsuite></testsuites>"""
    )
    assert runner.outcomes(report) == {"test_one.py::test_a": Outcome(held=1, cases=2, figures=("5 of 5",))}


def test_what_did_not_hold_stands_out() -> None:
    assert str(Outcome(2, 2, ("a", "b"))) == "held; a; b"
    assert str(Outcome(1, 2)) == "**1 of 2 cases held**"
