"""From what is on record to what is shown."""

from __future__ import annotations

import msgspec

from services.ingest.accounts.account import Account, Key, Organisation
from services.ingest.accounts.audit import AuditEntry
from services.ingest.accounts.staff import StaffKey
from services.ingest.admin import models
from shared.contracts.topics import client_events, client_requests, client_user


def organisation(value: Organisation) -> models.OrganisationView:
    """An organisation."""
    return models.OrganisationView(id=value.organisation_id, name=value.name, created_at=value.created_at)


def account(value: Account) -> models.AccountView:
    """An account; of a password, whether there is one."""
    stops, access = value.stops, value.access
    return models.AccountView(
        id=value.account_id,
        organisation=value.organisation_id,
        name=value.name,
        state=value.state,
        suspended=models.SuspendedView(lanes=list(stops.lanes), senders=list(stops.senders), premium=stops.premium),
        default_sender=value.default_sender,
        senders=list(value.sending.senders),
        domains=list(value.sending.domains),
        quiet_hours=models.QuietHoursView(first=value.sending.quiet_from, last=value.sending.quiet_to),
        limits=models.LimitsView(**msgspec.structs.asdict(value.limits)),
        access=models.AccessView(
            ip_ranges=[models.RangeView(first=one.first, last=one.last) for one in access.ranges],
            address_suffices=access.address_suffices,
            password=access.password is not None,
            kafka=access.kafka is not None,
        ),
        version=value.version,
        created_at=value.created_at,
        changed_at=value.changed_at,
    )


def client(value: Account, listener: str) -> models.ClientView:
    """How an account's own systems come in. Raises `ValueError` for an account without."""
    login, account_id = value.access.kafka, value.account_id
    if login is None:
        raise ValueError("the account's systems do not come in over Kafka")
    user = client_user(account_id)
    return models.ClientView(
        account=account_id,
        user=user,
        requests=client_requests(account_id),
        events=client_events(account_id),
        groups=f"{user}.",
        bootstrap=listener,
        created_at=login.created_at,
        password_at=login.password_at,
    )


def new_client(value: Account, listener: str, password: str | None) -> models.NewClientView:
    """The same at the one moment when the password is known."""
    return models.NewClientView(**client(value, listener).model_dump(), password=password)


def key(value: Key) -> models.KeyView:
    """A key, without its secret."""
    return models.KeyView(
        id=value.key_id,
        name=value.name,
        scopes=sorted(value.scopes),
        created_at=value.created_at,
        expires_at=value.expires_at,
        revoked_at=value.revoked_at,
        last_used_on=value.last_used_on,
    )


def new_key(value: Key, text: str) -> models.NewKeyView:
    """A key at the one moment when its secret is known."""
    return models.NewKeyView(**key(value).model_dump(), key=text)


def staff(value: StaffKey) -> models.StaffView:
    """A person's key, without its secret."""
    return models.StaffView(
        id=value.key_id, name=value.name, role=value.role, created_at=value.created_at, revoked_at=value.revoked_at
    )


def new_staff(value: StaffKey, text: str) -> models.NewStaffView:
    """A person's key at the one moment when its secret is known."""
    return models.NewStaffView(**staff(value).model_dump(), key=text)


def entry(value: AuditEntry) -> models.AuditView:
    """A line of the audit record."""
    actor = value.actor
    return models.AuditView(
        id=value.entry_id,
        at=value.at,
        actor=models.AuditActorView(key_id=actor.key_id, role=actor.role, name=actor.name, ip=actor.ip),
        action=value.action,
        subject=value.subject,
        account=value.account_id,
        organisation=value.organisation_id,
        reason=value.reason,
        before=dict(value.before),
        after=dict(value.after),
    )
