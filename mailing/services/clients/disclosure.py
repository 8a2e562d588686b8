"""What is known of somebody: the answer to "what do you know about me?", to be read or handed over.

It searches where `erasure` erases, so what is told is what would go. Others are not told of: their addresses are
blanked in texts, their cards only counted, and who of the staff did something is the staff's matter.
"""

from __future__ import annotations

import json
from typing import Any, TypedDict

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_noop as _

from mailing.models import Client, ClientImport, Delivery, Mailing, Suppression
from mailing.services.access import audit_log
from mailing.services.clients import sweep
from mailing.services.clients.persons import Person

CARD = ("id", "email", "full_name", "greeting", "comment", "source", "created_at", "updated_at")
ACTIONS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}
TAKEN_OUT = _("All that is known of the client was taken out as a file.")
LOOKED_AT = _("All that is known of the client was looked at.")

Row = dict[str, Any]


class Disclosure(TypedDict):
    """Identifiers and moments, no labels: the names of the file are kept. Newest first."""

    addresses: list[str]  # the present one first
    client: Row | None
    mailings: list[Row]  # they were chosen for
    deliveries: list[Row]
    stop_list: list[Row]
    imports: list[Row]  # files that named them, while it is known
    journal: list[Row]
    elsewhere: list[Row]  # where else they are told of


def about(person: Person, *, by: User | None, as_file: bool = True) -> Disclosure:
    """Everything; that somebody looked stands in the journal."""
    client = person.client
    told = Disclosure(
        addresses=list(person.emails),
        client={name: getattr(client, name) for name in CARD} if client else None,
        mailings=_mailings(client),
        deliveries=_deliveries(person),
        stop_list=_stop_list(person),
        imports=_imports(client),
        journal=_journal(person),
        elsewhere=_elsewhere(person),
    )
    if client is not None:
        audit_log.changed(client, by, TAKEN_OUT if as_file else LOOKED_AT)
    return told


def is_empty(told: Disclosure) -> bool:
    """Nothing but the address that was asked for."""
    return not any(value for name, value in told.items() if name != "addresses")


def as_json(told: Disclosure) -> str:
    return json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def authored(person: Person) -> list[Model]:
    """Messages and mailings that name them: what staff write to everybody, which only staff change."""
    found = [one for place in sweep.authored() for one in sweep.search(place, person)]
    return [row for one in found for row in one.model._base_manager.filter(pk=one.pk)]


def _mailings(client: Client | None) -> list[Row]:
    if client is None:
        return []
    rows = Mailing.objects.with_subject().filter(clients=client).order_by("-created_at", "-pk")
    return [{"id": mailing.pk, "name": str(mailing), "status": mailing.status} for mailing in rows]


def _deliveries(person: Person) -> list[Row]:
    fields = (
        *("attempt_id", "attempt__mailing_id", "attempt__subject", "email", "status", "reason", "code", "response"),
        *("tries", "message_id", "updated_at"),
    )
    return [
        {
            "attempt": row.pop("attempt_id"),
            "mailing": row.pop("attempt__mailing_id"),
            "subject": row.pop("attempt__subject"),
            **row,
            "response": person.traces.only(row["response"]),
        }
        for row in sweep.sent_to(person).order_by("-pk").values(*fields)
    ]


def _listed(person: Person) -> QuerySet[Suppression]:
    return Suppression.objects.filter(email__in=person.emails)


def _stop_list(person: Person) -> list[Row]:
    rows = _listed(person).values("email", "reason", "note", "manual_note", "attempt", "created_at")
    return [dict(row) for row in rows]


def _imports(client: Client | None) -> list[Row]:
    if client is None:
        return []
    rows = ClientImport.objects.filter(clients=client).values("file_name", "created_at", "loaded_at")
    return [dict(row) for row in rows]


def _journal(person: Person) -> list[Row]:
    """Of their card, their entries on the stop list, and what names them elsewhere."""
    mine = LogEntry.objects.none()
    if person.client:
        mine = audit_log.about(Client, [person.client.pk])
    keys = set(mine.values_list("pk", flat=True)) | {
        found.pk for place in sweep.places(person) if place.model is LogEntry for found in sweep.search(place, person)
    }
    entries = LogEntry.objects.filter(pk__in=keys).select_related("content_type").order_by("-pk")
    return [
        {
            "at": entry.action_time,
            "about": entry.content_type.model if entry.content_type else None,
            "action": ACTIONS.get(entry.action_flag),
            "name": person.traces.only(entry.object_repr),
            "text": person.traces.only(entry.get_change_message()),
        }
        for entry in entries
    ]


def _elsewhere(person: Person) -> list[Row]:
    """A note on another client's card is that client's, too: it is told where, and not what."""
    places = (place for place in sweep.places(person) if place.model is not LogEntry)
    found = [one for place in places for one in sweep.search(place, person)]
    told = {
        Delivery: set(sweep.sent_to(person).values_list("pk", flat=True)),
        Suppression: set(_listed(person).values_list("pk", flat=True)),
    }
    return [
        {
            "kind": one.model._meta.model_name,
            "id": one.pk,
            "column": column,
            "text": None if one.model is Client else _told(value, person),
        }
        for one in found
        if one.pk not in told.get(one.model, ())
        for column, value in one.values.items()
    ]


def _told(value: Any, person: Person) -> str:
    """Of what JSON holds only the texts that tell of them."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return "\n".join(filter(None, (_told(part, person) for part in parts)))
    return person.traces.only(value) if person.traces.are_in(value) else ""
