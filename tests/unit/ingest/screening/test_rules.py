"""Each rule alone, and all together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.screening.deciding import decide
from services.ingest.screening.rules.monthly_cap import cap_of, month_of, monthly_cap
from services.ingest.screening.rules.opted_out import opted_out
from services.ingest.screening.rules.quiet_hours import quiet_hours
from services.ingest.screening.rules.suspended import suspended
from services.ingest.screening.rules.unapproved_link import unapproved_link
from services.ingest.screening.rules.unregistered_sender import unregistered_sender
from services.ingest.screening.rules.unusual_volume import unusual_volume
from services.ingest.screening.verdict import PASSED, Delay, Held, Hold, Reject, Verdict
from shared.contracts.abuse import Signal
from shared.contracts.codes import Reason
from shared.contracts.events import HoldRelease
from shared.contracts.holds import DelayRule, HoldRule
from shared.contracts.words import AccountState, Category, Door, Lane
from tests.unit.dispatch.building import Letters
from tests.unit.ingest.screening.building import case, facts

MARKETING = {"category": Category.MARKETING, "lane": Lane.BULK}
LINK = "Se lodd.example/x og https://firma.example"
QUIET = {"quiet_from": 20, "quiet_to": 8}


def released(*rules: HoldRule) -> dict[str, Any]:
    return {"hold_release": HoldRelease(hold_id="hold_1", by="k", rules=rules)}


@pytest.mark.parametrize(
    ("account", "request_", "code"),
    [
        ({}, {}, None),
        ({"state": AccountState.SUSPENDED}, {}, Reason.ACCOUNT_SUSPENDED),
        ({"state": AccountState.CLOSED}, {}, Reason.ACCOUNT_SUSPENDED),
        ({"stopped_lanes": (Lane.BULK,)}, {"lane": Lane.BULK}, Reason.LANE_SUSPENDED),
        ({"stopped_lanes": (Lane.BULK,)}, {"lane": Lane.EXPRESS}, None),
        ({"stopped_senders": ("FIRMA",)}, {"sender": "Firma"}, Reason.SENDER_SUSPENDED),
        ({"stopped_senders": ("FIRMA",)}, {"sender": "Budstikke"}, None),
    ],
)
def test_what_is_suspended_is_refused(
    letters: Letters, account: dict[str, Any], request_: dict[str, Any], code: Reason | None
) -> None:
    verdict = suspended(case(letters, account=facts(**account), **request_))

    assert verdict == (PASSED if code is None else Reject(code, "suspended"))


def test_who_opted_out_gets_nothing_not_even_a_one_time_code(letters: Letters) -> None:
    assert opted_out(case(letters, opted_out=True, category=Category.OTP)) == Reject(Reason.OPTED_OUT, "opted_out")
    assert opted_out(case(letters, opted_out=True, door=Door.INBOUND)) is PASSED
    assert opted_out(case(letters)) is PASSED


@pytest.mark.parametrize(
    ("sender", "account", "good"),
    [
        ("Budstikke", {}, True),
        ("BUDSTIKKE", {}, True),
        ("firma", {}, True),
        ("+4722222222", {}, True),
        ("DNB", {}, False),
        ("+4799999999", {}, False),
        ("2097", {}, False),
        ("Budstikke", {"default_sender": None}, False),
        ("Blåklokke", {"registered_senders": ("BLÅKLOKKE",)}, True),
    ],
)
def test_only_registered_senders_pass(letters: Letters, sender: str, account: dict[str, Any], good: bool) -> None:
    verdict = unregistered_sender(case(letters, sender=sender, account=facts(**account)))

    assert verdict == (PASSED if good else Reject(Reason.SENDER_NOT_REGISTERED, "unregistered_sender"))


def test_an_answer_comes_from_the_number_that_was_written_to(letters: Letters) -> None:
    assert unregistered_sender(case(letters, sender="2401", door=Door.INBOUND)) is PASSED


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Hei på deg. Kl. 12.30.", ()),
        ("Se https://firma.example/a", ()),
        ("Se www.firma.example", ()),
        ("Se sub.firma.example", ()),
        ("Se notfirma.example/x", ("notfirma.example",)),
        ("Se firma.example.evil.no", ("firma.example.evil.no",)),
        ("https://firma.example@evil.no/", ("evil.no",)),
        ("Se b.no og a.no!", ("a.no", "b.no")),
        ("Se d\u200bnb.no", ("dnb.no",)),
    ],
)
def test_links_to_domains_that_nobody_approved_are_held(letters: Letters, text: str, unknown: tuple[str, ...]) -> None:
    verdict = unapproved_link(case(letters, text))

    assert verdict == (Hold(HoldRule.UNAPPROVED_LINK, unknown) if unknown else PASSED)


@pytest.mark.parametrize("on", [("volume",), ("failures",), ("failures", "volume")])
def test_unusual_traffic_holds_everything_and_the_evidence_says_what_is_unusual(
    letters: Letters, on: tuple[str, ...]
) -> None:
    assert unusual_volume(case(letters)) is PASSED
    signals = tuple([Signal(name) for name in on])
    assert unusual_volume(case(letters, signals=signals)) == Hold(HoldRule.UNUSUAL_VOLUME, on)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-23T06:59", "2026-11-23T07:00"),  # 07:59 in Norway
        ("2026-11-23T07:00", None),
        ("2026-11-23T18:59", None),
        ("2026-11-23T19:00", "2026-11-24T07:00"),  # 20:00
        ("2026-11-23T23:30", "2026-11-24T07:00"),
        ("2026-07-01T18:00", "2026-07-02T06:00"),  # summer time
        ("2026-10-24T19:00", "2026-10-25T07:00"),  # the night of 25 hours
        ("2026-03-28T20:00", "2026-03-29T06:00"),  # the night of 23
        ("2026-12-31T20:00", "2027-01-01T07:00"),
    ],
)
def test_marketing_waits_for_the_morning(letters: Letters, now: str, until: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    verdict = quiet_hours(case(letters, now=at, account=facts(**QUIET), **MARKETING))

    if until is None:
        assert verdict is PASSED
    else:
        assert verdict == Delay(datetime.fromisoformat(until).replace(tzinfo=UTC), DelayRule.QUIET_HOURS)


def test_only_marketing_has_quiet_hours_and_only_where_the_account_has_some(letters: Letters) -> None:
    night = datetime(2026, 11, 23, 23, tzinfo=UTC)
    for category in set(Category) - {Category.MARKETING}:
        assert quiet_hours(case(letters, now=night, account=facts(**QUIET), category=category)) is PASSED
    assert quiet_hours(case(letters, now=night, account=facts(quiet_from=9, quiet_to=9), **MARKETING)) is PASSED


def test_quiet_hours_need_not_go_over_midnight(letters: Letters) -> None:
    siesta = facts(quiet_from=12, quiet_to=14)
    noon = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)

    verdict = quiet_hours(case(letters, now=noon, account=siesta, **MARKETING))

    assert verdict == Delay(datetime(2026, 11, 23, 13, tzinfo=UTC), DelayRule.QUIET_HOURS)


def test_the_cap_is_the_accounts_own_or_the_default_or_none_after_a_decision(letters: Letters) -> None:
    assert cap_of(case(letters), 7) == 7
    assert cap_of(case(letters, account=facts(messages_per_month=0)), 7) == 0
    assert cap_of(case(letters, **released(HoldRule.MONTHLY_CAP)), 7) is None
    assert cap_of(case(letters, **released(HoldRule.UNUSUAL_VOLUME)), 7) == 7
    assert monthly_cap(case(letters)) == Hold(HoldRule.MONTHLY_CAP, ("2026-03",))


def test_a_month_is_one_of_norway() -> None:
    assert month_of(datetime(2026, 11, 30, 22, 59, tzinfo=UTC)) == "2026-11"
    assert month_of(datetime(2026, 11, 30, 23, 0, tzinfo=UTC)) == "2026-12"
    assert month_of(datetime(2026, 6, 30, 22, 0, tzinfo=UTC)) == "2026-07"


LINK_HOLD = Hold(HoldRule.UNAPPROVED_LINK, ("lodd.example",))
VOLUME_HOLD = Hold(HoldRule.UNUSUAL_VOLUME, ("volume",))
NIGHT = {"now": datetime(2026, 11, 23, 23, tzinfo=UTC), "account": facts(**QUIET)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Held((LINK_HOLD,))),
        ({"signals": (Signal.VOLUME,)}, Held((LINK_HOLD, VOLUME_HOLD))),
        ({"sender": "DNB"}, Reject(Reason.SENDER_NOT_REGISTERED, "unregistered_sender")),
        ({"opted_out": True, "sender": "DNB"}, Reject(Reason.OPTED_OUT, "opted_out")),
        (released(HoldRule.UNAPPROVED_LINK), PASSED),
        (released(HoldRule.MONTHLY_CAP), Held((LINK_HOLD,))),
        ({"opted_out": True, **released(HoldRule.UNAPPROVED_LINK)}, Reject(Reason.OPTED_OUT, "opted_out")),
        (
            {"signals": (Signal.VOLUME,), **released(HoldRule.UNAPPROVED_LINK)},
            Held((VOLUME_HOLD,)),
        ),
        ({**NIGHT, **MARKETING}, Held((LINK_HOLD,))),
        (
            {**NIGHT, **MARKETING, **released(HoldRule.UNAPPROVED_LINK)},
            Delay(datetime(2026, 11, 24, 7, tzinfo=UTC), DelayRule.QUIET_HOURS),
        ),
    ],
)
def test_a_refusal_comes_first_then_every_hold_then_a_delay(
    letters: Letters, changes: dict[str, Any], expected: Verdict
) -> None:
    assert decide(case(letters, LINK, **changes)) == expected


def test_a_case_shows_no_text(letters: Letters) -> None:
    assert "hemmelig" not in repr(case(letters, "hemmelig"))
