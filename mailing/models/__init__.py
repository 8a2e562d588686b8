"""Data, constraints and named questions."""

from __future__ import annotations

from mailing.models.access_events import AccessEvent
from mailing.models.attempts import Attempt, Delivery, RefusalGroup
from mailing.models.clients import Client, Suppression
from mailing.models.heartbeats import Heartbeat
from mailing.models.imports import ClientImport
from mailing.models.installation import MailService
from mailing.models.mailings import Mailing
from mailing.models.messages import Message, PreparedBody
from mailing.models.notices import StaffNotice

__all__ = [
    "AccessEvent",
    "Attempt",
    "Client",
    "ClientImport",
    "Delivery",
    "Heartbeat",
    "MailService",
    "Mailing",
    "Message",
    "PreparedBody",
    "RefusalGroup",
    "StaffNotice",
    "Suppression",
]
