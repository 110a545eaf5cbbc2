"""Who may charge what: a file of agreements, as YAML with a closed schema. A bad file is refused whole (R-72, R-78).

An account charges through a merchant's agreement with Strex, on short numbers that the gateway lets it use (R-79), for
the kinds of services that were approved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from shared.contracts.events import Account
from shared.contracts.premium import AGES, PremiumTerms, ServiceCode, can_be_charged, price_range
from shared.errors import BadSettings
from shared.ids import AccountId

Digits = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4,8}\Z")]


class Agreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one account may charge for. `most` is øre a charge; the service's own bound holds as well. With
    `whole_crowns` no price has øre. What holds for one service alone is in an agreement of its own.
    """

    account: Account
    merchant_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    short_numbers: Annotated[tuple[Digits, ...], msgspec.Meta(min_length=1)]
    service_codes: Annotated[tuple[ServiceCode, ...], msgspec.Meta(min_length=1)]
    business_model: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    most: Annotated[int, msgspec.Meta(ge=100, le=100_000)] = 100_000
    whole_crowns: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for a service that nobody is charged for: what Strex takes for it is never booked."""
        if none := [code for code in self.service_codes if not can_be_charged(code)]:
            raise ValueError(f"service_codes: {', '.join(none)} cannot be charged")

    def prices(self, service_code: str) -> tuple[int, int]:
        """Least and most of one charge for a service, in øre."""
        least, most = price_range(service_code)
        return least, min(most, self.most)

    def has_step(self, price: int) -> bool:
        """Whether a price, in øre, has the step that the agreement asks for."""
        return not self.whole_crowns or price % 100 == 0

    def takes(self, service_code: str, price: int) -> bool:
        """Whether a charge for a service may cost so many øre."""
        least, most = self.prices(service_code)
        return least <= price <= most and self.has_step(price)

    def covers(self, terms: PremiumTerms) -> bool:
        """Whether it is by this agreement that so much is charged for that."""
        return (
            terms.merchant_id == self.merchant_id
            and terms.short_number in self.short_numbers
            and terms.service_code in self.service_codes
            and self.takes(terms.service_code, terms.price)
            and terms.age in AGES
            and (self.business_model is None or terms.business_model in {None, self.business_model})
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agreements: tuple[Agreement, ...]


class Agreements:
    """All of them, by account."""

    def __init__(self, agreements: Sequence[Agreement] = ()) -> None:
        self._by_account: dict[AccountId, list[Agreement]] = defaultdict(list)
        for agreement in agreements:
            self._by_account[agreement.account].append(agreement)

    def find(self, account_id: AccountId, service_code: str, short_number: str | None, price: int) -> Agreement | None:
        """The first for the service on that short number, or on any when none is named, that takes the price; when
        none takes it the first of them, whose bounds say what is wrong.
        """
        found = [
            agreement
            for agreement in self._by_account.get(account_id, ())
            if service_code in agreement.service_codes and short_number in {None, *agreement.short_numbers}
        ]
        return next((one for one in found if one.takes(service_code, price)), found[0] if found else None)

    def cover(self, account_id: AccountId, terms: PremiumTerms) -> bool:
        """Whether one of the account's agreements covers a charge."""
        return any(agreement.covers(terms) for agreement in self._by_account.get(account_id, ()))


def load(path: Path | None) -> Agreements:
    """The agreements of a file; none without a file. Raises `BadSettings`, which names the place."""
    if path is None:
        return Agreements()
    try:
        file = msgspec.yaml.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_PREMIUM_AGREEMENTS: cannot be read ({error.strerror})") from None
    except msgspec.ValidationError as error:
        raise BadSettings("bad_settings", f"BUDSTIKKE_PREMIUM_AGREEMENTS: {error}") from None
    except msgspec.DecodeError:
        raise BadSettings("bad_settings", "BUDSTIKKE_PREMIUM_AGREEMENTS: is not YAML") from None
    return Agreements(file.agreements)
