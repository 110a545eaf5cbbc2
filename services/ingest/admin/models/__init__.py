"""Bodies of `/admin`, by resource."""

from services.ingest.admin.models.access import AccessBody, AccessView, PasswordView, RangeBody, RangeView
from services.ingest.admin.models.accounts import (
    AccountChange,
    Accounts,
    AccountView,
    Closing,
    LimitsBody,
    LimitsView,
    NewAccount,
    QuietHours,
    QuietHoursView,
    SuspendedView,
    What,
)
from services.ingest.admin.models.audit import Audit, AuditActorView, AuditPage, AuditView
from services.ingest.admin.models.base import Page
from services.ingest.admin.models.clients import Clients, ClientView, NewClientView
from services.ingest.admin.models.keys import Keys, KeyView, NewKeyBody, NewKeyView, Rotation
from services.ingest.admin.models.organisations import (
    NewOrganisation,
    OrganisationChange,
    Organisations,
    OrganisationView,
)
from services.ingest.admin.models.staff import NewStaff, NewStaffView, Staff, StaffView

__all__ = [
    "AccessBody",
    "AccessView",
    "AccountChange",
    "AccountView",
    "Accounts",
    "Audit",
    "AuditActorView",
    "AuditPage",
    "AuditView",
    "ClientView",
    "Clients",
    "Closing",
    "KeyView",
    "Keys",
    "LimitsBody",
    "LimitsView",
    "NewAccount",
    "NewClientView",
    "NewKeyBody",
    "NewKeyView",
    "NewOrganisation",
    "NewStaff",
    "NewStaffView",
    "OrganisationChange",
    "OrganisationView",
    "Organisations",
    "Page",
    "PasswordView",
    "QuietHours",
    "QuietHoursView",
    "RangeBody",
    "RangeView",
    "Rotation",
    "Staff",
    "StaffView",
    "SuspendedView",
    "What",
]
