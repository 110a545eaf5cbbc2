"""Starting says clearly what is wrong with Valkey, and never quotes the URL."""

from __future__ import annotations

import pytest

from deploy.local.ports import free_port
from deploy.local.valkey import Valkey
from shared.errors import BadSettings, TryLater
from shared.stores.valkey import ValkeyStore

SECRET = "hemmelig"


@pytest.mark.parametrize("url", [f"http://{SECRET}", f"redis://127.0.0.1:{SECRET}", ""])
def test_a_url_that_is_none_is_a_bad_setting(url: str) -> None:
    with pytest.raises(BadSettings) as error:
        ValkeyStore(url)
    assert "BUDSTIKKE_VALKEY" in error.value.detail
    assert SECRET not in str(error.value)


async def test_what_is_needed_is_waited_for_and_what_is_not_is_not() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    needed, wished = ValkeyStore(url), ValkeyStore(url, needed=False)
    with pytest.raises(TryLater) as error:
        await needed.start()
    assert error.value.code == "valkey_unreachable"
    assert not needed.health().ready
    await wished.start()
    assert wished.health().ready
    for store in (needed, wished):
        await store.stop(1.0)


async def test_a_server_that_refuses_us_is_a_bad_setting(mortal: Valkey) -> None:
    owner = ValkeyStore(mortal.url)
    await owner.start()
    await owner.client.config_set("requirepass", "x")
    for url in (mortal.url, mortal.url.replace("redis://", f"redis://:{SECRET}@")):
        stranger = ValkeyStore(url, needed=False)
        with pytest.raises(BadSettings) as error:
            await stranger.start()
        assert error.value.code == "valkey_refused"
        assert SECRET not in str(error.value)
        await stranger.stop(1.0)
    await owner.stop(1.0)
