"""Every alarm asks for what there is, and has its page of what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.app import app
from deploy.k8s.alarms.__main__ import FILE, RUNBOOK, main, manifest, text
from deploy.k8s.alarms.catalogue import ALARMS, JOB, Alarm
from deploy.local.settings import ROOT
from docs.sections import metrics

PAGE = (ROOT / RUNBOOK).read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
TOLD = ("**Means.**", "**Users notice**", "**Look", "**Do.**", "**Over**")

PLACES = frozenset({"job", "service", "role"})
"""Labels that the PodMonitor gives to all series."""
SERIES = {name: labels for metric in metrics.every() for name, labels in metric.series.items()} | {
    "up": frozenset[str]()
}
FUNCTIONS = frozenset({"abs", "absent", "changes", "histogram_quantile", "increase", "rate", "timestamp"})
AGGREGATIONS = frozenset({"max", "sum"})
OPERATORS = frozenset({"and", "or", "unless", "offset"})
TOKEN = re.compile(
    r"""\s*(?:(?P<matchers>\{[^{}]*\})|(?P<range>\[\d+[mhd]\])|(?P<duration>\d+[mhd]\b)|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<by>by\s*\((?P<labels>[\w, ]*)\))|(?P<word>[a-z]\w*)|(?P<sign>==|[-+*/<>(),]))"""
)
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"[^"]*"')


def tokens(expression: str) -> Iterator[re.Match[str]]:
    """The expression piece by piece. Raises for what is no piece of one."""
    place = 0
    while place < len(expression):
        token = TOKEN.match(expression, place)
        assert token, f"cannot be read from here on: {expression[place:]}"
        yield token
        place = token.end()


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_asks_for_metrics_and_labels_that_there_are(alarm: Alarm) -> None:
    open_ones, asked, known = 0, "", set(PLACES)
    for token in tokens(alarm.expression):
        if word := token["word"]:
            assert word in FUNCTIONS | AGGREGATIONS | OPERATORS | SERIES.keys(), word
            if word in SERIES:
                asked = word
                known |= SERIES[word]
        elif matchers := token["matchers"]:
            labels = [MATCHER.fullmatch(part.strip()) for part in matchers.strip("{}").split(", ")]
            assert all(labels), matchers
            assert {label[1] for label in labels if label} <= SERIES[asked] | PLACES, (asked, matchers)
            assert f'job="{JOB}"' in matchers, "whoever else has a metric of that name is not meant"
        elif token["sign"] in {"(", ")"}:
            open_ones += 1 if token["sign"] == "(" else -1
            assert open_ones >= 0
    assert open_ones == 0
    by = {label.strip() for token in tokens(alarm.expression) if token["by"] for label in token["labels"].split(",")}
    assert by <= known, by - known
    assert asked


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_expression_of_an_alarm_selects_every_metric_by_the_job(alarm: Alarm) -> None:
    pieces = list(tokens(alarm.expression))
    for token, after in pairwise(pieces):
        assert (token["word"] in SERIES) is bool(after["matchers"]), token["word"]


@pytest.mark.parametrize(
    "expression",
    [
        'sum(kafka_lag_records{job="budstikke"}',
        'rate(kafka_records_total{job="budstikke"}[5])',
        'sum by group (kafka_lag_records{job="budstikke"})',
        'kafka_lag_records{job="budstikke"} => 1',
        "€",
    ],
)
def test_what_is_no_expression_is_not_taken_for_one(expression: str) -> None:
    with pytest.raises(AssertionError):
        test_an_alarm_asks_for_metrics_and_labels_that_there_are(ALARMS[0]._replace(expression=expression))


def test_the_labels_of_the_places_come_from_the_pod_monitor() -> None:
    monitor = yaml.safe_load((FILE.parent / "pod-monitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert {one["targetLabel"] for one in endpoint["relabelings"]} == PLACES
    assert {one["targetLabel"]: one.get("replacement") for one in endpoint["relabelings"]}["job"] == JOB
    (chosen,) = monitor["spec"]["selector"]["matchExpressions"]
    assert set(chosen["values"]) == {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")}


def test_the_manifest_is_what_the_catalogue_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"]) == 0, "run `python -m deploy.k8s.alarms` and commit what it writes"
    monkeypatch.setattr("deploy.k8s.alarms.__main__.FILE", tmp_path / "alarms.yaml")
    assert main(["--check"]) == 1
    assert "python -m deploy.k8s.alarms" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert yaml.safe_load((tmp_path / "alarms.yaml").read_text()) == manifest(ALARMS) == yaml.safe_load(text())
    assert main(["--chekc"]) == 2


def test_each_alarm_has_its_section_and_each_section_its_alarm_in_one_order() -> None:
    named = [name for name in SECTIONS if name.startswith("Budstikke")]
    assert named == [alarm.name for alarm in ALARMS]
    assert 10 <= len(named) <= 15
    for name in named:
        places = [SECTIONS[name].find(told) for told in TOLD]
        assert -1 < places[0] < places[1] < places[2] < places[3] < places[4], name


def test_links_within_the_page_lead_to_a_section() -> None:
    heads = {head.lower() for head in re.findall(r"^## (\S+)$", PAGE, re.MULTILINE)}
    linked = set(re.findall(r"\]\(#([\w-]+)\)", PAGE))
    assert linked
    assert linked <= heads


def test_every_command_of_ours_on_the_page_is_one() -> None:
    commands = re.findall(r"`(budstikke [^`]+)`", PAGE)
    assert len(commands) >= 10
    for command in commands:
        found: Any = typer.main.get_command(app)
        for word in command.split()[1:]:
            if word.startswith("--"):
                assert word in {option for one in found.params for option in one.opts}, command
            elif hasattr(found, "commands"):
                assert word in found.commands, command
                found = found.commands[word]
        assert not hasattr(found, "commands"), command


def test_events_and_metrics_that_the_page_names_are_in_the_code() -> None:
    code = "".join(path.read_text() for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))
    names = set(re.findall(r"`((?:kafka|budstikke|smpp|lease|premium|privacy|unknown|sweeping)s?_\w+)", PAGE))
    assert len(names) >= 20
    known = SERIES.keys() | {metric.name for metric in metrics.every()}
    assert {name for name in names if name not in known and f'"{name}"' not in code} == set()
