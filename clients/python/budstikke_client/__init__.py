"""Send SMS through Budstikke."""

from budstikke_client.client import AsyncClient, Client
from budstikke_client.errors import BadSignature, BudstikkeError, FieldError, Refused, Unavailable, WaitTimeout
from budstikke_client.models import Event, Sent, Status
from budstikke_client.webhooks import Webhook

__all__ = [
    "AsyncClient",
    "BadSignature",
    "BudstikkeError",
    "Client",
    "Event",
    "FieldError",
    "Refused",
    "Sent",
    "Status",
    "Unavailable",
    "WaitTimeout",
    "Webhook",
]
