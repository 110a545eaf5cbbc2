"""What may become of an account, and whether it may send then."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from services.ingest.accounts import changes
from services.ingest.accounts.account import Access, Account, Stops
from services.ingest.accounts.addresses import IpRange
from services.ingest.accounts.audit import difference, visible
from services.ingest.accounts.changes import What
from services.ingest.accounts.sending import Stopped, stopped
from services.ingest.accounts.staff import CUSTOMER, PERMISSIONS, Permission, Role
from shared.contracts.words import AccountState, Lane
from shared.errors import Refused
from shared.ids import AccountId

OPEN = Account(AccountId("acme"), "Acme")
CLOSED = msgspec.structs.replace(OPEN, state=AccountState.CLOSED)


def test_suspending_all_and_resuming_all() -> None:
    suspended = changes.suspend(OPEN, What())
    assert suspended.state is AccountState.SUSPENDED
    assert changes.suspend(suspended, What()) == suspended
    assert changes.resume(suspended, What()) == OPEN


def test_parts_add_up_and_are_lifted_one_by_one() -> None:
    first = changes.suspend(OPEN, What(lanes=[Lane.BULK], senders=["Vinner"]))
    both = changes.suspend(first, What(lanes=[Lane.EXPRESS, Lane.BULK], premium=True))
    assert both.stops == Stops((Lane.EXPRESS, Lane.BULK), ("Vinner",), True)
    assert changes.resume(both, What(lanes=[Lane.EXPRESS], premium=True)) == first
    assert changes.resume(both, What()) == OPEN


def test_closing_takes_password_and_addresses_away_and_is_for_ever() -> None:
    account = msgspec.structs.replace(OPEN, access=Access((IpRange("::1", "::1"),), password="hash"))
    closed = changes.close(account)
    assert (closed.state, closed.access) == (AccountState.CLOSED, Access())
    assert changes.close(closed) is closed


@pytest.mark.parametrize("act", [changes.suspend, changes.resume])
def test_nothing_changes_about_a_closed_account(act: Callable[[Account, What], Account]) -> None:
    with pytest.raises(Refused) as error:
        act(CLOSED, What())
    assert error.value.code == "account_closed"


@pytest.mark.parametrize(
    ("account", "lane", "sender", "premium", "expected"),
    [
        (OPEN, Lane.BULK, "Acme", True, None),
        (msgspec.structs.replace(OPEN, state=AccountState.SUSPENDED), Lane.BULK, "Acme", False, Stopped.ACCOUNT),
        (CLOSED, Lane.BULK, "Acme", False, Stopped.ACCOUNT),
        (msgspec.structs.replace(OPEN, stops=Stops(lanes=(Lane.BULK,))), Lane.BULK, "Acme", False, Stopped.LANE),
        (msgspec.structs.replace(OPEN, stops=Stops(lanes=(Lane.BULK,))), Lane.EXPRESS, "Acme", False, None),
        (msgspec.structs.replace(OPEN, stops=Stops(senders=("ACME",))), Lane.BULK, "Acme", False, Stopped.SENDER),
        (msgspec.structs.replace(OPEN, stops=Stops(senders=("ACME",))), Lane.BULK, "Acme2", False, None),
        (msgspec.structs.replace(OPEN, stops=Stops(premium=True)), Lane.BULK, "Acme", True, Stopped.PREMIUM),
        (msgspec.structs.replace(OPEN, stops=Stops(premium=True)), Lane.BULK, "Acme", False, None),
    ],
)
def test_whether_an_account_may_send(
    account: Account, lane: Lane, sender: str, premium: bool, expected: Stopped | None
) -> None:
    assert stopped(account, lane, sender, premium=premium) is expected


def test_what_is_visible_of_an_account_tells_of_a_password_only_that_there_is_one() -> None:
    account = msgspec.structs.replace(OPEN, access=Access(password="scrypt$secret"))
    assert visible(account)["access"]["password"] is True
    assert "secret" not in str(visible(account))


def test_a_difference_names_what_differs_and_not_that_there_was_a_change() -> None:
    after = msgspec.structs.replace(OPEN, name="Ny", version=2)
    assert difference(visible(OPEN), visible(after)) == ({"name": "Acme"}, {"name": "Ny"})
    assert difference(visible(OPEN), visible(OPEN)) == ({}, {})
    assert difference({}, {"name": "Ny", "role": "desk"}) == ({}, {"name": "Ny", "role": "desk"})


def test_every_role_is_in_the_table_and_only_the_admin_looks_after_staff_and_closes() -> None:
    assert set(PERMISSIONS) == set(Role)
    final = {Permission.STAFF_CHANGE, Permission.STAFF_READ, Permission.ACCOUNTS_CLOSE}
    for role, permissions in PERMISSIONS.items():
        assert (final <= permissions) is (role is Role.ADMIN)
        assert bool(final & permissions) is (role is Role.ADMIN)
    assert not CUSTOMER & (final | {Permission.ACCOUNTS_SUSPEND, Permission.AUDIT_READ, Permission.ACCOUNTS_CHANGE})
