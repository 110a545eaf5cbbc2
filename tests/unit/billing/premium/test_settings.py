from __future__ import annotations

import pytest

from services.billing.settings import ApiSettings
from shared.errors import BadSettings
from shared.settings import load

GOOD = {
    "BUDSTIKKE_HEALTH_PORT": "0",
    "BUDSTIKKE_MONGODB": "mongodb://127.0.0.1",
    "BUDSTIKKE_KEY_STORE": "keys",
    "BUDSTIKKE_BILLING_API_PORT": "0",
    "BUDSTIKKE_INTERNAL_SECRET": "secret",
}


@pytest.mark.parametrize("address", ["https://strex.example/{date}.csv", "http://127.0.0.1:9/{date}.csv"])
def test_the_daily_file_is_fetched_over_tls_or_from_this_very_machine(address: str) -> None:
    assert load(ApiSettings, GOOD | {"BUDSTIKKE_PREMIUM_EXPORT": address}).premium_export == address


@pytest.mark.parametrize("address", ["http://strex.example/{date}.csv", "https://strex.example/today.csv", "/{date}"])
def test_another_address_is_refused_by_the_name_of_its_variable(address: str) -> None:
    with pytest.raises(BadSettings, match="BUDSTIKKE_PREMIUM_EXPORT"):
        load(ApiSettings, GOOD | {"BUDSTIKKE_PREMIUM_EXPORT": address})
