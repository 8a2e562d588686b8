"""Where in the database somebody may be told of, beside their own rows; and what is found there.

The database searches (LIKE, in any case), Python judges the few rows it finds. Which columns are searched is said
here once, for the forgetting and for the answer to "what do you know about me?".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from mailing.models import Attempt, Client, ClientImport, Delivery, Mailing, MailService, Message, Suppression
from mailing.services.clients.persons import Person
from mailing.traces import Traces

AT_ONCE = 500
PATTERNS = 300  # in one question: SQLite takes a thousand alternatives at most


class _FitsAny(Func):
    """Whether a text fits one of some patterns of LIKE, whatever the case.

    PostgreSQL's ILIKE folds the text anew for each of them: a million answers of servers took 9 s, and take 1.5 s so.
    """

    output_field = BooleanField()

    def __init__(self, text: Any, patterns: tuple[str, ...]) -> None:
        super().__init__(text)
        self.patterns = patterns

    def as_sql(  # type: ignore[override]  # nothing else is asked of it
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Any:
        text, params = compiler.compile(self.source_expressions[0])
        likes = " OR ".join([f"{text} LIKE %s"] * len(self.patterns))
        return f"({likes})", [value for pattern in self.patterns for value in (*params, pattern)]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        text, params = compiler.compile(self.source_expressions[0])
        patterns = sorted({pattern.lower() for pattern in self.patterns})
        return f"(lower({text}) LIKE ANY(%s::text[]))", [*params, patterns]


class Names(Enum):
    """Where a name is a trace: the same name may be another's, and a sentence of ours."""

    NEVER = "never"  # on cards of others, who may have the same
    BESIDE = "beside"  # an address, or in the name of a file
    ANYWHERE = "anywhere"  # the row is known to be about the person


@dataclass(frozen=True)
class Place:
    """Rows, and the columns of them in which somebody may be told of."""

    rows: QuerySet[Any]
    columns: tuple[str, ...]
    names: Names = Names.BESIDE

    @property
    def model(self) -> type[Model]:
        return self.rows.model


@dataclass(frozen=True)
class Found:
    """A row that tells of the person: `values` as they are, `blanked` as they would be."""

    model: type[Model]
    pk: Any
    values: dict[str, Any]
    blanked: dict[str, Any]


def places(person: Person) -> list[Place]:
    """All of them but the client's own rows."""
    client = person.client
    others = Client.objects.exclude(pk=client.pk) if client else Client.objects.all()
    about_clients = Q(content_type=ContentType.objects.get_for_model(Client), object_id__isnull=False)
    theirs = sent_to(person).order_by().values_list("attempt_id", flat=True).distinct()
    runs_with_them = Q(pk__in=list(theirs))  # now: when it is blanked, no delivery is theirs any more
    said = ("response", "reasons", "note_params")
    found = [
        Place(others, ("full_name", "greeting", "comment", "former_emails"), Names.NEVER),
        Place(others.exclude(source=""), ("source",)),
        Place(Attempt.objects.filter(runs_with_them), said, Names.ANYWHERE),
        Place(Attempt.objects.exclude(runs_with_them), said),
        Place(Delivery.objects.exclude(response=""), ("response",)),
        Place(Suppression.objects.all(), ("note", "manual_note")),
        Place(ClientImport.objects.all(), ("file_name", "trouble")),
        Place(MailService.objects.all(), ("response",)),
        Place(LogEntry.objects.filter(about_clients), ("object_repr", "change_message"), Names.NEVER),
        Place(LogEntry.objects.exclude(about_clients), ("object_repr", "change_message")),
    ]
    if apps.is_installed("axes"):  # somebody not logged in opened the address of a search
        tries = apps.get_model("axes", "AccessAttempt")._default_manager.all()
        found.append(Place(tries, ("get_data", "post_data", "path_info"), Names.ANYWHERE))
    return found


def sent_to(person: Person) -> QuerySet[Delivery]:
    """Their letters: as this client, or to one of their addresses before there was a client, or after."""
    mine = Q(email__in=person.emails)
    return Delivery.objects.filter(mine | Q(client=person.client.pk) if person.client else mine)


def authored() -> list[Place]:
    """What staff write to everybody: shown to whoever forgets a client, and changed by people only."""
    return [
        Place(Message.objects.all(), ("subject", "body", "text_body")),
        Place(Mailing.objects.all(), ("name", "from_name", "reply_to")),
    ]


def search(place: Place, person: Person) -> Iterator[Found]:
    """The rows of the place that tell of the person. A few columns of a few rows are read."""
    traces, seen = _traces(place, person), set()
    likes = traces.likes()
    for start in range(0, len(likes), PATTERNS):
        some = tuple(likes[start : start + PATTERNS])
        fits = [Q(_FitsAny(_text(place.model, column), some)) for column in place.columns]
        rows = place.rows.order_by().filter(reduce(or_, fits)).values("pk", *place.columns)
        for row in rows.iterator(chunk_size=AT_ONCE):
            found = _judged(place.model, row, traces)
            if found and found.pk not in seen:
                seen.add(found.pk)
                yield found


def blank(place: Place, keys: list[Any], person: Person) -> None:
    """Blanks the traces in these rows, as they are now. Inside a transaction."""
    traces = _traces(place, person)
    for start in range(0, len(keys), AT_ONCE):
        rows = place.rows.order_by().filter(pk__in=keys[start : start + AT_ONCE]).select_for_update()
        for row in rows.values("pk", *place.columns):
            if found := _judged(place.model, row, traces):
                _store(found)


def _traces(place: Place, person: Person) -> Traces:
    names = () if place.names is Names.NEVER else person.names
    return Traces(person.emails, names, anywhere=place.names is Names.ANYWHERE)


def _text(model: type[Model], column: str) -> Any:
    is_json = isinstance(model._meta.get_field(column), JSONField)
    return Cast(column, TextField()) if is_json else F(column)


def _judged(model: type[Model], row: dict[str, Any], traces: Traces) -> Found | None:
    pk = row.pop("pk")
    blanked = {column: traces.blank(value) for column, value in row.items()}
    changed = {column: value for column, value in blanked.items() if value != row[column]}
    return Found(model, pk, {column: row[column] for column in changed}, changed) if changed else None


def _store(found: Found) -> None:
    rows = found.model._base_manager.filter(pk=found.pk)
    if found.model is not Client:
        rows.update(**found.blanked)
        return
    for client in rows:  # with what it is searched by
        for column, value in found.blanked.items():
            setattr(client, column, value)
        client.save(update_fields=[*found.blanked, "search_text"])
