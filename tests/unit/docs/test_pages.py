"""The pages say what the code says, and what they show works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import FOLDER, PAGES, REMEDY, filled, main, stale
from docs.sections import settings
from docs.sections.tables import kind_of, table
from services.dispatch.operators.config import Link, parse
from shared.settings import PREFIX

PROSE = sorted(
    [*FOLDER.glob("*.md"), *FOLDER.glob("adr/*.md"), *FOLDER.glob("refusals/*.md"), *FOLDER.glob("operations/*.md")]
)


def test_the_pages_say_what_the_code_says() -> None:
    assert [path.name for path in stale()] == [], REMEDY


def test_a_check_names_the_page_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((FOLDER / name).read_text())
    page = tmp_path / "errors.md"
    whole = page.read_text()
    monkeypatch.setattr("docs.generate.FOLDER", tmp_path)
    assert main(["--check"]) == 0
    page.write_text(whole.replace("`empty_text`", "`no_text`"))
    assert main(["--check"]) == 1
    assert capsys.readouterr().err == f"errors.md does not say what the code says: {REMEDY}\n"
    assert main([]) == 0
    assert page.read_text() == whole
    assert main(["--chekc"]) == 2


@pytest.mark.parametrize(
    "page",
    [
        "# without sections\n",
        "<!-- from code: one -->\n<!-- end: two -->\n",
        "<!-- from code: two -->\n<!-- end: two -->\n",
        "<!-- from code: one -->\n<!-- end: one -->\n<!-- from code: two -->\n<!-- end: two -->\n",
    ],
)
def test_a_page_with_other_sections_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="section"):
        filled(page, {"one": lambda: "1"})


def test_what_stands_around_a_section_is_kept() -> None:
    page = "before\n<!-- from code: one -->\nold\n<!-- end: one -->\nafter\n"
    now = filled(page, {"one": lambda: "new"})
    assert now == "before\n<!-- from code: one -->\n\nnew\n\n<!-- end: one -->\nafter\n"
    assert filled(now, {"one": lambda: "new"}) == now


def test_cells_of_a_table_hold_no_bar_and_no_line_end() -> None:
    assert table(["a"], [["one|two\n three"]]) == "| a |\n| --- |\n| one\\|two three |"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 9}, "whole number, 0 to 9"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 600}, "number, above 0, at most 600"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "string", "format": "password", "writeOnly": True}, "text, secret"),
        ({"type": "string", "enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "list of: whole number, 1"),
        ({"type": "boolean"}, "`true` or `false`"),
    ],
)
def test_a_schema_is_told_in_words(schema: dict[str, object], said: str) -> None:
    assert kind_of(schema) == said


@pytest.mark.parametrize("service", settings.services())
def test_every_role_and_command_has_a_table_of_settings(service: str) -> None:
    wiring = (FOLDER.parent / f"services/{service}/__main__.py").read_text()
    named = set(re.findall(r'"(\w+)": build_', wiring))
    described = {name for kind in settings.roles(service) for name in re.findall(r"`(\w+)`", kind.__doc__ or "")}
    assert named
    assert named <= described


@pytest.mark.parametrize("service", settings.services())
def test_every_setting_has_a_meaning(service: str) -> None:
    kinds = settings.roles(service)
    assert [name for kind in kinds for name, field in kind.model_fields.items() if not field.description] == []
    page = (FOLDER / "configuration.md").read_text()
    assert all(f"`{PREFIX}{name.upper()}`" in page for kind in kinds for name in kind.model_fields)


def test_the_example_of_the_operators_file_is_good_and_whole() -> None:
    (example,) = re.findall(
        r"^```yaml\n(.*?)^```$", (FOLDER / "configuration.md").read_text(), re.MULTILINE | re.DOTALL
    )
    found = parse(example.encode())
    assert [route.route_id for route in found.routes] == ["+47>fjord", "abroad"]
    assert all(f"{field}:" in example for field in Link.__struct_fields__ if field != "system_type")


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
