"""What becomes of a charge, decided from the subscriber, the terms and what else is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from simulators.strex.behaviour import Behaviour
from simulators.strex.profile import Profile, Scenario, Validity
from simulators.strex.transaction import FAILED, OK, REBILLED, SENT, State

_LEAST, _LOW, _HIGH = 100, 50_000, 100_000
_LOW_CATEGORIES = frozenset({"01", "02", "03", "04"})
_MOST_TRIES = 3


class Step(msgspec.Struct, frozen=True):
    """A state, and the seconds after the taking at which it begins."""

    after: float
    state: State


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as it is asked for. Money is øre."""

    price: int
    service_code: str
    age: int = 0
    sms_confirmation: bool = False


class Password(msgspec.Struct, frozen=True):
    """What is known of the one-time password when the code is given: how often a wrong one was before."""

    right: bool
    expired: bool
    wrong_before: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the subscriber at that moment: øre spent in this month and this year. `password` is None when
    none was given.
    """

    spent: int = 0
    spent_in_year: int = 0
    busy: bool = False
    password: Password | None = None
    password_unknown: bool = False


def refusal(profile: Profile, asked: Asked, standing: Standing) -> str | None:
    """The DetailedStatusCode of a charge that comes to nothing, or None if it is let through."""
    if not _LEAST <= asked.price <= most(asked.service_code):
        return "InvalidAmount"
    if standing.password_unknown:
        return "OneTimePasswordFailed"
    if standing.password is not None and (code := _password(standing.password)) is not None:
        return code
    if not profile.known:
        return "UnknownSubscriber"
    if standing.busy:
        return "UserInTransaction"
    if profile.barred or profile.validity is Validity.BARRED:
        return "SubscriberBarred"
    return _of_person(profile, asked, standing)


def course(profile: Profile, asked: Asked, standing: Standing, behaviour: Behaviour) -> Sequence[Step]:
    """The states to come, in their order."""
    end = behaviour.settle_ms / 1000
    if (code := refusal(profile, asked, standing)) is not None:
        return [Step(end, State(status=FAILED, detailed=code, billed=False, delivered=False))]
    late = end + behaviour.late_ms / 1000
    billed = Step(end, State(status=OK, detailed="Delivered", billed=True, delivered=True))
    pending = Step(0.0, State(status=SENT, detailed="Pending", settled=False))
    match profile.scenario:
        case Scenario.LATE:
            return [Step(end, State(status=SENT, detailed="Sent")), msgspec.structs.replace(billed, after=late)]
        case Scenario.NEVER_KNOWN:
            return [Step(end, State(status=SENT, detailed="MissingDeliveryReport"))]
        case Scenario.REBILLED:
            failed = State(status=FAILED, detailed="MnoError", billed=False, delivered=False)
            return [Step(end, failed), Step(late, State(status=REBILLED, detailed="Delivered", billed=True))]
        case Scenario.UNDELIVERED | Scenario.BILLED_UNDELIVERED:
            money = profile.scenario is Scenario.BILLED_UNDELIVERED
            return [Step(end, State(status=FAILED, detailed="Undelivered", billed=money, delivered=False))]
        case Scenario.ERROR:
            return [Step(end, State(status=FAILED, detailed="MnoError", billed=False, delivered=False))]
        case Scenario.WAITING:
            return [pending]
        case Scenario.NORMAL:
            return [pending, billed] if asked.sms_confirmation else [billed]


def most(service_code: str) -> int:
    """The highest price of a service, in øre; 0 for the information message without charge."""
    if service_code == "89001":
        return 0
    return _LOW if service_code[:2] in _LOW_CATEGORIES or service_code == "16008" else _HIGH


def _of_person(profile: Profile, asked: Asked, standing: Standing) -> str | None:
    if asked.age and profile.age is None:
        return "UnknownAge"
    if profile.age is not None and profile.age < asked.age:
        return "SubscriberTooYoung"
    if profile.validity is Validity.UNREGISTERED:
        return "RegistrationRequired"
    if _exceeds(profile, asked.price, standing):
        return "SubscriberLimitExceeded"
    if profile.prepaid and asked.price > profile.balance:
        return "InsufficientFunds"
    return None


def _exceeds(profile: Profile, price: int, standing: Standing) -> bool:
    in_year = profile.limit_year is not None and standing.spent_in_year + price > profile.limit_year
    return in_year or price > profile.limit_transaction or standing.spent + price > profile.limit_month


def _password(password: Password) -> str | None:
    if password.wrong_before >= _MOST_TRIES:
        return "MaxPinRetry"
    if password.expired:
        return "OneTimePasswordExpired"
    return None if password.right else "OneTimePasswordFailed"
