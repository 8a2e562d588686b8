"""Clients who go: deleted in any number, or forgotten so that nothing personal of them is left.

What is kept where, and why: docs/explanation/personal-data.md.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin.models import DELETION
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import guests, scheduling
from mailing.choices import DeliveryStatus
from mailing.errors import NotAllowed, Refused
from mailing.models import Client, ClientImport, Delivery, Mailing, Suppression, Undo
from mailing.services import runs
from mailing.services.access import audit_log, permissions, undos
from mailing.services.clients import imports, persons, sweep
from mailing.services.clients.persons import Person
from mailing.traces import BLANK, Traces

if TYPE_CHECKING:
    from mailing.models.clients import ClientQuerySet

logger = logging.getLogger(__name__)

SLICE = 5000
SAID = "_messages"  # what Django keeps in a session to be said on the next page
SALT = b"mailing.services.clients.erasure"
MAY_NOT_DELETE = _("You may not delete clients. Ask your administrator.")
ON_ITS_WAY = _("A letter to this client is on its way right now. Try again in a minute.")
BEING_LOADED = _("A file of clients is being loaded right now and may hold this one. Try again when it is loaded.")


def may_delete(by: User | None, clients: Iterable[Client]) -> bool:
    """Whoever may not send takes no recipient away from an active mailing, not even by deleting the client."""
    reached = Mailing.objects.active().filter(clients__in=clients).distinct()
    return permissions.may_change_recipients(by, reached)


def delete(clients: ClientQuerySet, *, by: User | None) -> int:
    """Deletes any number of clients in slices; what was sent to them stays in the statistics. Raises NotAllowed.

    Django's own delete loads every row first: 100 000 clients took 25 s and 300 MB.
    """
    if not may_delete(by, clients):
        raise NotAllowed(permissions.NEEDS_MANAGER)
    number = 0
    while ids := list(clients.order_by("pk").values_list("pk", flat=True)[:SLICE]):
        _delete(ids)
        number += len(ids)
    return number


def forget(client: Client, *, by: User | None) -> None:
    """Erases a client from every table. If an address was on the stop list, the bare address stays there.

    Counters of attempts stay: they say how many, not who. Raises NotAllowed; Refused while a letter is on its way.
    """
    if by is not None and not by.has_perm("mailing.delete_client"):
        raise NotAllowed(MAY_NOT_DELETE)
    permissions.require_recipients(by, client.mailings.all())
    _forget(persons.of(client), by=by)


def forget_address(email: str) -> bool:
    """Erases whoever has or had this address, be it a client or not. False: nobody is known by it. Raises Refused."""
    person = persons.by_address(email)
    return _forget(person, by=None)


def forget_again(marks: Collection[str]) -> int:
    """After a restore: erases whoever has one of these marks (`mark`) once more; returns how many."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    wanted = {one.lower() for one in marks}
    found = [email for email in _all_addresses() if any(_marked(key, email) in wanted for key in keys)]
    return sum(forget_address(email) for email in found)


def mark(email: str) -> str:
    """What the log keeps of a forgotten address: only who has SECRET_KEY and the address can tell that it is this."""
    return _marked(settings.SECRET_KEY, email)


def _marked(key: str, email: str) -> str:
    return hmac.new(SALT + key.encode(), email.encode(), hashlib.sha256).hexdigest()[:32]


def _all_addresses() -> set[str]:
    """Of clients, of letters, of the stop list."""
    emails = set(Client.objects.order_by().values_list("email", flat=True).iterator())
    emails.update(Delivery.objects.order_by().values_list("email", flat=True).distinct().iterator())
    emails.update(Suppression.objects.order_by().values_list("email", flat=True).iterator())
    for former in Client.objects.exclude(former_emails="").order_by().values_list("former_emails", flat=True):
        emails.update(former.split())
    return emails


# --- Deleting ---------------------------------------------------------------------------------------


def _delete(ids: list[int]) -> None:
    with transaction.atomic():
        for through in (Mailing.clients.through, ClientImport.clients.through, Undo.clients.through):
            links = through.objects.filter(client__in=ids)
            links._raw_delete(links.db)
        Delivery.objects.filter(client__in=ids).update(client=None)
        gone = Client.objects.filter(pk__in=ids)
        gone._raw_delete(gone.db)
        audit_log.unname(Client, ids)


# --- Forgetting -------------------------------------------------------------------------------------


def _forget(person: Person, *, by: User | None) -> bool:
    """The searching is done before the transaction: on SQLite nobody else could write meanwhile."""
    told = [(place, [found.pk for found in sweep.search(place, person)]) for place in sweep.places(person)]
    sent = list(sweep.sent_to(person).order_by().values_list("pk", flat=True))
    with transaction.atomic():
        known = _erase(person, sent)
        for place, keys in told:
            sweep.blank(place, keys, person)
        audit_log.record_many(Client, by, DELETION, BLANK, gettext("Client forgotten: personal data erased"))
    for email in person.emails:
        logger.info("Forgotten: %s", mark(email))
    _leave_no_copy(person)
    return known or any(keys for _place, keys in told)


def _erase(person: Person, sent: list[int]) -> bool:
    known = _erase_deliveries(person, sent)
    _drop_files()
    undos.forget()
    ClientImport.objects.with_problems().update(problems=None)
    listed = Suppression.objects.filter(email__in=person.emails)
    known |= bool(listed.update(note="", attempt=None, created_by=None))
    listed.filter(manual_note__isnull=False).update(manual_note="")
    if person.client:
        _delete([person.client.pk])
        audit_log.about(Client, [person.client.pk]).update(object_repr=BLANK)
        known = True
    known |= bool(scheduling.forget_failures(person.traces.are_in_bytes))
    return known | _erase_from_sessions(person.traces)


def _erase_deliveries(person: Person, sent: list[int]) -> bool:
    """An attempt has each address once, so what takes its place must differ, too."""
    nobody: dict[str, Any] = {"response": "", "message_id": ""}
    nobody["email"] = Concat(Value("forgotten-"), Cast("pk", CharField()))
    newest = Delivery.objects.filter(client=person.client.pk) if person.client else Delivery.objects.none()
    keys = sorted({*sent, *newest.values_list("pk", flat=True)})  # a run may have begun since the search
    for start in range(0, len(keys), SLICE):
        rows = Delivery.objects.filter(pk__in=keys[start : start + SLICE])
        rows.update(**nobody)
        _refuse_while_on_its_way(rows)
    return bool(keys)


def _refuse_while_on_its_way(rows: Any) -> None:
    """What the server says to a letter under way is written down after it, with the address."""
    going = rows.filter(status=DeliveryStatus.SENDING).select_related("attempt")
    if any(runs.is_worked_on(delivery.attempt) for delivery in going):
        raise Refused(ON_ITS_WAY)


def _drop_files() -> None:
    """Files still waiting for their "Load" may hold the client, and cannot be searched for it cheaply.

    One under way is in the memory of whoever loads it, and would bring the client back.
    """
    waiting = ClientImport.objects.filter(loaded_at=None)
    waiting.exclude(started_at__gte=timezone.now() - imports.STUCK_AFTER).delete()
    if waiting.exists():
        raise Refused(BEING_LOADED)


def _erase_from_sessions(traces: Traces) -> bool:
    """What was to be said on somebody's next page. A row for each log-in of the last weeks: they are few."""
    cleaned = 0
    for session in Session.objects.iterator():
        told = session.get_decoded()
        if SAID in told and traces.are_in(told[SAID]):
            session.session_data = Session.objects.encode(told | {SAID: traces.blank(told[SAID])})
            session.save(update_fields=["session_data"])
            cleaned += 1
    return bool(cleaned)


def _leave_no_copy(person: Person) -> None:
    """Files beside the database: what guests keep, and SQLite's own journal of changes."""
    for guest in guests.installed():
        guest.forget(Traces(person.emails).are_in)
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
