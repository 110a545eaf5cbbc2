"""The operators file, good and bad, and the routes it makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.dispatch.operators.config import Route, load, parse, password_of
from services.dispatch.operators.routes import RouteTable
from services.dispatch.sender.incoming import Reading
from shared.errors import BadSettings
from shared.smpp.codings import Alphabet

GOOD = """
operators:
  fjord:
    links:
      - {name: fjord-1, host: smsc.example, port: 2775, system_id: us, password_env: FJORD_PASSWORD, window: 20}
  vidde:
    links:
      - {name: vidde-1, host: 127.0.0.1, port: 2776, system_id: us, password_file: /run/secrets/vidde}
routes:
  - {prefix: "+47", operator: fjord}
  - {prefix: "+4759", operator: vidde, id: short}
  - {prefix: "+47", operator: vidde}
"""
SECRET = "hunter2-very-secret"


def test_a_good_file_is_read() -> None:
    found = parse(GOOD.encode())

    (link,) = found.operators["fjord"].links
    assert (link.port, link.window, link.binds, link.busy_statuses) == (2775, 20, 1, (0x14, 0x58))
    assert [route.route_id for route in found.routes] == ["+47>fjord", "short", "+47>vidde"]


def test_an_operator_is_read_as_the_file_says() -> None:
    default, other = (
        parse(GOOD.encode()).operators["fjord"].links[0],
        GOOD.replace("window: 20", "data_coding_1: latin1, packed_septets: true"),
    )
    assert default.reading == Reading(Alphabet.GSM7, packed=False)
    assert parse(other.encode()).operators["fjord"].links[0].reading == Reading(Alphabet.LATIN1, packed=True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("port: 2775", "port: 0", "`$.operators[...].links[0].port`"),
        ("port: 2775", "port: '2775'", "Expected `int`, got `str` - at `$.operators[...].links[0].port`"),
        ("window: 20", "window: 0", "links[0].window`"),
        ("window: 20", "window: 20, binds: 65", "links[0].binds`"),
        ("window: 20", f"password: {SECRET}", "unknown field `password`"),
        ("window: 20", "response_timeout: 0", "links[0].response_timeout`"),
        ("window: 20", "busy_statuses: [0]", "links[0].busy_statuses[0]`"),
        ("window: 20", "long_messages: whole", "links[0].long_messages`"),
        ("window: 20", "data_coding_1: ascii", "links[0].data_coding_1`"),
        ("host: smsc.example, ", "", "missing required field `host`"),
        ("  fjord:\n", "  Fjord:\n", "at `key` in `$.operators`"),
        ("name: fjord-1", "name: fjord 1", "links[0].name`"),
        ("name: vidde-1", "name: fjord-1", "two links have the same name"),
        (
            ", password_env: FJORD_PASSWORD",
            "",
            "either password_env or password_file - at `$.operators.fjord.links[0]`",
        ),
        ("password_env: FJORD_PASSWORD", "password_env: A, password_file: /b", "either password_env or password_file"),
        ('"+47", operator: fjord', '"47", operator: fjord', "at `$.routes[0].prefix`"),
        ('"+47", operator: fjord', '"+47", operator: nobody', "unknown operator - at `$.routes[0]`"),
        ("system_id: us, password_env", "system_id: '', password_env", "links[0].system_id`"),
    ],
)
def test_a_bad_file_is_refused_whole_and_names_the_place(old: str, new: str, says: str) -> None:
    assert old in GOOD

    with pytest.raises(BadSettings, match=re.escape(says)) as caught:
        parse(GOOD.replace(old, new, 1).encode())

    assert caught.value.code == "bad_operators"
    assert caught.value.detail.startswith("BUDSTIKKE_OPERATORS: ")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- 1",
        b"operators: {}\nroutes: []",
        f"operators: [password: {SECRET}\n  : x".encode(),
        f"operators: {{a: '{SECRET}".encode(),
        f"password: {SECRET}\n\tx".encode(),
        b"operators: \xff\xfe" + SECRET.encode(),
        b"operators: !!python/object:os.system x",
        b"a: *nowhere " + SECRET.encode(),
        b"\0" + SECRET.encode(),
    ],
)
def test_what_is_no_operators_file_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(content)

    assert caught.value.code == "bad_operators"
    assert SECRET not in str(caught.value)


def test_a_file_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="BUDSTIKKE_OPERATORS: cannot be read"):
        load(tmp_path / "absent.yaml")


def test_passwords_come_from_where_the_link_says(tmp_path: Path) -> None:
    secret = tmp_path / "vidde"
    secret.write_text(f"{SECRET}\n")
    found = parse(GOOD.replace("/run/secrets/vidde", str(secret)).encode())

    assert password_of(found.operators["fjord"].links[0], {"FJORD_PASSWORD": SECRET}) == SECRET
    assert password_of(found.operators["vidde"].links[0], {}) == SECRET


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\xfa"])
def test_a_password_that_cannot_be_had_names_the_link(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "vidde"
    if content is not None:
        secret.write_bytes(content)
    found = parse(GOOD.replace("/run/secrets/vidde", str(secret)).encode())

    with pytest.raises(BadSettings, match="vidde-1"):
        password_of(found.operators["vidde"].links[0], {})
    with pytest.raises(BadSettings, match="FJORD_PASSWORD"):
        password_of(found.operators["fjord"].links[0], {"FJORD_PASSWORD": ""})


BOTH = ("fjord", "vidde")


@pytest.mark.parametrize(
    ("number", "up", "tried", "expected"),
    [
        ("+4798765432", BOTH, (), "+47>fjord"),
        ("+4759000000", BOTH, (), "short"),
        ("+4759000000", ("fjord",), (), "+47>fjord"),
        ("+4798765432", ("vidde",), (), "+47>vidde"),
        ("+4759000000", BOTH, ("vidde",), "+47>fjord"),
        ("+4798765432", BOTH, ("fjord",), "+47>vidde"),
        ("+4798765432", BOTH, BOTH, "+47>fjord"),
        ("+4798765432", ("fjord",), ("fjord",), "+47>fjord"),
        ("+4798765432", (), (), "+47>fjord"),
        ("+4798765432", (), ("fjord",), "+47>vidde"),
        ("+46701234567", BOTH, (), None),
        ("98765432", BOTH, (), None),
        ("", BOTH, (), None),
    ],
)
def test_within_reach_goes_before_untried_and_that_before_the_longest_prefix(
    number: str, up: tuple[str, ...], tried: tuple[str, ...], expected: str | None
) -> None:
    table = RouteTable(parse(GOOD.encode()).routes)

    route = table.choose(number, up, tried)

    assert (route and route.route_id) == expected


def test_of_operators_that_were_all_tried_the_last_one_is_the_last() -> None:
    table = RouteTable([Route("+47", "fjord"), Route("+47", "tinde")])

    chosen = [table.choose("+4798765432", up, ("tinde", "fjord")) for up in (("fjord", "tinde"), ("fjord",), ())]

    assert [route and route.operator for route in chosen] == ["tinde", "fjord", "tinde"]


def test_another_operator_is_one_that_takes_the_number_within_reach_and_was_not_tried() -> None:
    table = RouteTable([Route("+47", "fjord"), Route("+", "vidde")])

    assert table.leads_elsewhere("+4798765432", BOTH, ("fjord",))
    assert not table.leads_elsewhere("+4798765432", BOTH, BOTH)
    assert not table.leads_elsewhere("+4798765432", ("fjord",), ("fjord",))
    assert not table.leads_elsewhere("+46701234567", BOTH, ("vidde",))


def test_a_plus_alone_takes_every_number() -> None:
    table = RouteTable([Route("+", "fjord"), Route("+4", "vidde")])

    assert [route.operator for number in ("+4798765432", "+1") if (route := table.choose(number))] == ["vidde", "fjord"]
