"""Addresses and URLs that webhooks are sent to, and those that they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dlr.webhooks.client.addresses import may_reach
from services.dlr.webhooks.client.targets import MOST_CHARACTERS, parse_target
from shared.errors import Refused

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
PRIVATE = ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:5db8:d70e::1",
    "2001:0:53aa:64c:0:0:0:1",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "100::1",
    "no address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("private", [False, True])
def test_public_addresses_are_reached(address: str, private: bool) -> None:
    assert may_reach(address, private=private)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_setting(address: str) -> None:
    assert (may_reach(address), may_reach(address, private=True)) == (False, True)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_these_are_never_reached(address: str, private: bool) -> None:
    assert not may_reach(address, private=private)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_dress_is_judged_by_itself(address: object) -> None:
    assert may_reach(f"::ffff:{address}") == may_reach(str(address)) == may_reach(f"64:ff9b::{address}")


def test_an_url_becomes_the_head_of_a_request() -> None:
    target = parse_target("https://Example.com/hook?a=b")
    assert target.origin == (True, "example.com", 443)
    assert target.head == (
        b"POST /hook?a=b HTTP/1.1\r\nhost: example.com\r\nuser-agent: Budstikke\r\ncontent-type: application/json\r\n"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.com", b"host: example.com\r\n"),
        ("http://example.com:8080?x", b"POST /?x HTTP/1.1\r\nhost: example.com:8080\r\n"),
        ("https://example.com:443/", b"host: example.com\r\n"),
        (
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/",
            b"host: [2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443",
        ),
    ],
)
def test_the_port_is_named_where_it_is_not_the_schemes_own(url: str, host: bytes) -> None:
    assert host in parse_target(url).head


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://@example.com/",
        "https://example.com:22/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:x/",
        "https://example.com/#part",
        "https://example.com/a b",
        "https://example.com/\r\nx-evil: 1",
        "https://example.com\\@127.0.0.1/",
        "https://exämple.com/",
        "https://exa mple.com/",
        "https://127.0.0.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://127.1/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:10.0.0.1]/",
        "https://.example.com/",
        "https://-example.com/",
        f"https://example.com/{'x' * MOST_CHARACTERS}",
    ],
)
def test_what_is_no_place_for_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_target(url)
    assert caught.value.code == "invalid_url"
    assert "example" not in caught.value.detail


def test_a_setting_allows_private_places_on_any_port() -> None:
    assert parse_target("http://127.0.0.1:20123/", private=True).origin == (False, "127.0.0.1", 20123)
    with pytest.raises(Refused):
        parse_target("http://169.254.169.254/", private=True)
