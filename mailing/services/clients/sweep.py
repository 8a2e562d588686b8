"""Where in the database somebody may be told of, beside their own rows; and what is found there.

The database searches (LIKE, in any case), Python judges the few rows it finds. Which columns are searched is said
here once, for the forgetting and for the answer to "what do you know about me?".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, JSONField, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from mailing.models import Attempt, Client, ClientImport, Delivery, Mailing, MailService, Message, Suppression
from mailing.traces import Traces

AT_ONCE = 500


class _Like(Func):
    """`column LIKE pattern`, with a pattern of our own making: Django's `contains` knows no wildcards."""

    template = "%(expressions)s"
    arg_joiner = " LIKE "
    output_field = BooleanField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, arg_joiner=" ILIKE ", **extra)


@dataclass(frozen=True)
class Place:
    """Rows, and the columns of them in which somebody may be told of."""

    rows: QuerySet[Any]
    columns: tuple[str, ...]
    # The names are nobody's alone: where it is about other people, only an address tells one from another.
    by_address_only: bool = False

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


def places(client: int | None) -> list[Place]:
    """All of them but the client's own rows."""
    others = Client.objects.all() if client is None else Client.objects.exclude(pk=client)
    about_clients = Q(content_type=ContentType.objects.get_for_model(Client), object_id__isnull=False)
    found = [
        Place(others, ("full_name", "greeting", "comment", "former_emails"), by_address_only=True),
        Place(others.exclude(source=""), ("source",)),
        Place(Attempt.objects.all(), ("response", "reasons", "note_params")),
        Place(Delivery.objects.exclude(response=""), ("response",)),
        Place(Suppression.objects.all(), ("note", "manual_note")),
        Place(ClientImport.objects.all(), ("file_name", "trouble")),
        Place(MailService.objects.all(), ("response",)),
        Place(LogEntry.objects.filter(about_clients), ("object_repr", "change_message"), by_address_only=True),
        Place(LogEntry.objects.exclude(about_clients), ("object_repr", "change_message")),
    ]
    if apps.is_installed("axes"):  # somebody not logged in opened the address of a search
        tries = apps.get_model("axes", "AccessAttempt")
        found.append(Place(tries._default_manager.all(), ("get_data", "post_data", "path_info")))
    return found


def authored() -> list[Place]:
    """What staff write to everybody: shown to whoever forgets a client, and changed by people only."""
    return [
        Place(Message.objects.all(), ("subject", "body", "text_body")),
        Place(Mailing.objects.all(), ("name", "from_name", "reply_to")),
    ]


def search(place: Place, traces: Traces) -> Iterator[Found]:
    """The rows of the place that tell of the person. A few columns of a few rows are read."""
    if place.by_address_only:
        traces = Traces(traces.addresses)
    if not traces.likes():
        return
    for row in _candidates(place, traces).values("pk", *place.columns).iterator(chunk_size=AT_ONCE):
        if found := _judged(place.model, row, traces):
            yield found


def blank(place: Place, keys: list[Any], traces: Traces) -> None:
    """Blanks the traces in these rows, as they are now. Inside a transaction."""
    if place.by_address_only:
        traces = Traces(traces.addresses)
    for start in range(0, len(keys), AT_ONCE):
        rows = place.rows.order_by().filter(pk__in=keys[start : start + AT_ONCE]).select_for_update()
        for row in rows.values("pk", *place.columns):
            if found := _judged(place.model, row, traces):
                _store(found)


def _candidates(place: Place, traces: Traces) -> QuerySet[Any]:
    fits = [Q(_Like(_text(place.model, column), Value(like))) for column in place.columns for like in traces.likes()]
    return place.rows.order_by().filter(reduce(or_, fits))


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
