"""A taken port is reported with its holder and the setting to change."""

from __future__ import annotations

import os
import socket

import pytest

from deploy.local.ports import free_port, is_free, require_free, who_listens
from shared.errors import Fatal


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Fatal) as caught:
            require_free(port, "Kafka")
    assert caught.value.code == "port_in_use"
    assert f"port {port} (Kafka) is taken by process {os.getpid()} (" in caught.value.detail
    assert "PORT_BASE" in caught.value.detail


def test_a_free_port_is_free_and_out_of_reach_of_outgoing_connections() -> None:
    port = free_port()
    assert is_free(port)
    assert port < 32768


def test_nobody_listens_on_a_free_port() -> None:
    assert who_listens(free_port()) is None


@pytest.mark.parametrize("share", ["0/2", "1/2"])
def test_those_who_share_find_ports_apart_with_room_for_a_whole_run(
    monkeypatch: pytest.MonkeyPatch, share: str
) -> None:
    monkeypatch.setenv("FREE_PORTS", share)
    lowest = 22_000 if share == "0/2" else 27_000
    assert all(lowest <= free_port() < lowest + 4_800 for _ in range(200))
