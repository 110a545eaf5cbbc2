"""Links as handsets and people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.text.links import hosts, is_approved, parse_domain


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("Hei på deg", ()),
        ("Møt kl.12 f.eks. på torget. Hei.Velkommen", ()),
        ("22.11.2026 kostet kr 1.234,50 og 12.30/13.00", ()),
        ("ring ola@dnb.no", ()),
        ("http://localhost/x", ()),
        ("a..b ...", ()),
        ("dnb.no!", ("dnb.no",)),
        ("DNB.NO", ("dnb.no",)),
        ("Se (https://dnb.no/x).", ("dnb.no",)),
        ("dnb.no, eller vipps.no).", ("dnb.no", "vipps.no")),
        ("dnb.no.", ("dnb.no",)),
        ("www.dnb.no", ("dnb.no",)),
        ("https://dnb.no:8080/", ("dnb.no",)),
        ("se blåbær.no", ("xn--blbr-roah.no",)),
        ("xn--blbr-roah.no", ("xn--blbr-roah.no",)),
        ("http://192.168.1.1/x", ("192.168.1.1",)),
        ("10.0.0.1", ("10.0.0.1",)),
        ("http://[2001:db8::1]/x", ("2001:db8::1",)),
        ("hxxp://evil.example/x", ("evil.example",)),
        ("hxxps[:]//evil[.]example/x", ("evil.example",)),
        ("dnb[.]no", ("dnb.no",)),
        ("dnb(dot)no", ("dnb.no",)),
        ("dnb [ punktum ] no", ("dnb.no",)),
        ("dnb。no", ("dnb.no",)),
        ("ｄｎｂ．ｎｏ", ("dnb.no",)),
        ("d\u200bn\u2060b.n\u00ado", ("dnb.no",)),
        ("oslo.kommune.no", ("oslo.kommune.no",)),
        ("skole.oslo.no", ("skole.oslo.no",)),
        ("bit.ly/3xYz", ("bit.ly",)),
        ("evil.whatever/abc", ("evil.whatever",)),
        ("ftp://x.y", ("x.y",)),
        ("https://dnb.no@evil.no/", ("evil.no",)),
        ("https://user:dnb.no@evil.no", ("evil.no",)),
    ],
)
def test_links_of_a_text(text: str, found: tuple[str, ...]) -> None:
    assert sorted(hosts(text)) == sorted(found)


@given(st.text(alphabet="abÅ.:/@[]()\u200b。 -_%?#1", max_size=400))
def test_any_text_is_read_and_hosts_are_lower_case_ascii_or_an_address(text: str) -> None:
    for host in hosts(text):
        assert host.isascii()
        assert host == host.lower()


@given(st.text(max_size=120))
def test_whatever_people_write_is_read(text: str) -> None:
    hosts(text)
    hosts(f"https://{text}.no/ {text}.no www.{text}")


@pytest.mark.parametrize(
    "text", ["a" * 39_000 + ".b", "a." * 19_000, "a@" * 19_000 + ".no", "-" * 39_000 + ".no", "[.]" * 13_000]
)
def test_the_longest_texts_are_read_at_once(text: str) -> None:
    hosts(text)


@pytest.mark.parametrize(
    ("host", "approved"),
    [
        ("firma.no", True),
        ("www2.firma.no", True),
        ("a.b.firma.no", True),
        ("notfirma.no", False),
        ("firma.no.evil.com", False),
        ("no", False),
        ("10.0.0.1", False),
    ],
)
def test_a_domain_stands_for_what_lies_below_it(host: str, approved: bool) -> None:
    assert is_approved(host, frozenset({"firma.no"})) is approved


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        (" Firma.NO. ", "firma.no"),
        ("www.firma.no", "firma.no"),
        ("blåbær.no", "xn--blbr-roah.no"),
        ("a-b.c.no", "a-b.c.no"),
    ],
)
def test_a_domain_is_written_as_hosts_are(raw: str, domain: str) -> None:
    assert parse_domain(raw) == domain


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "no",
        "firma",
        "http://firma.no",
        "firma.no/x",
        "10.0.0.1",
        "a b.no",
        "-a.no",
        "kommune.no",
        "bit.ly",
        "x" * 64 + ".no",
        "a.-",
    ],
)
def test_what_is_no_domain_of_one_owner_is_refused(raw: str) -> None:
    with pytest.raises(Refused, match="invalid_domain"):
        parse_domain(raw)
