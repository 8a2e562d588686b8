"""Data, constraints and named questions."""

from __future__ import annotations

from mailing.models.access_events import AccessEvent
from mailing.models.attempts import Attempt, Delivery, RefusalGroup
from mailing.models.clients import Client, Suppression
from mailing.models.heartbeats import Heartbeat
from mailing.models.imports import ClientImport, ClientImportPiece
from mailing.models.installation import MailService
from mailing.models.mailings import Mailing
from mailing.models.messages import Message, PreparedBody
from mailing.models.notices import StaffNotice
from mailing.models.second_factor import GroupRule, RecoveryCode
from mailing.models.trial_letters import TrialLetter
from mailing.models.undos import Undo, UndoEntry

__all__ = [
    "AccessEvent",
    "Attempt",
    "Client",
    "ClientImport",
    "ClientImportPiece",
    "Delivery",
    "GroupRule",
    "Heartbeat",
    "MailService",
    "Mailing",
    "Message",
    "PreparedBody",
    "RecoveryCode",
    "RefusalGroup",
    "StaffNotice",
    "Suppression",
    "TrialLetter",
    "Undo",
    "UndoEntry",
]
