"""What is known of a client, as tables for people; what a file of it holds is `services.clients.disclosure`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mailing import addresses
from mailing.choices import DeliveryReason, DeliveryStatus, MailingStatus, SuppressionReason
from mailing.formatting import num, when
from mailing.models import Client
from mailing.services.clients.disclosure import Disclosure, Row

LISTED = 200  # of each kind; the file has all
Cell = str | SafeString


@dataclass(frozen=True)
class Table:
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    number: str  # of all rows there are
    is_cut: bool


def tables(known: Disclosure) -> list[Table]:
    """Those that have something in them, the card first."""
    found = [
        _table(_("The card"), ("", ""), list(_card(known)), lambda row: row),
        _table(
            _("Recipient of the mailings"),
            (_("mailing"), _("status")),
            known["mailings"],
            lambda row: (row["name"], _label(MailingStatus, row["status"])),
        ),
        _table(
            _("Letters"),
            (_("when"), _("subject"), _("address"), _("result"), _("server response")),
            known["deliveries"],
            _delivery,
        ),
        _table(
            _("Stop list"),
            (_("since"), _("address"), _("reason"), _("note")),
            known["stop_list"],
            _entry,
        ),
        _table(
            _("Files that named them"),
            (_("checked at"), _("file")),
            known["imports"],
            lambda row: (when(row["created_at"]), row["file_name"]),
        ),
        _table(
            _("Log of actions"),
            (_("when"), _("about"), _("name"), _("what")),
            known["journal"],
            lambda row: (when(row["at"]), _kind(row["about"]), row["name"], row["text"] or _action(row["action"])),
        ),
        _table(
            _("Told of elsewhere"),
            (_("where"), _("number"), _("text")),
            known["elsewhere"],
            lambda row: (_kind(row["kind"]), str(row["id"]), row["text"] or _("not shown: it is about others, too")),
        ),
    ]
    return [table for table in found if table.rows]


def _table(title: str, headings: Sequence[str], rows: Sequence[Any], cells: Callable[[Any], Sequence[Cell]]) -> Table:
    shown = [cells(row) for row in rows[:LISTED]]
    return Table(title, headings, shown, str(num(len(rows))), is_cut=len(rows) > LISTED)


def _card(known: Disclosure) -> Iterator[tuple[Cell, Cell]]:
    yield _("Addresses"), ", ".join(map(addresses.display, known["addresses"]))
    for name, value in (known["client"] or {}).items():
        if value and name != "email":
            label = (
                "№" if name == "id" else capfirst(str(getattr(Client._meta.get_field(name), "verbose_name", name)))
            )
            yield label, when(value) if name.endswith("_at") else str(value)


def _delivery(row: Row) -> Sequence[Cell]:
    result = _label(DeliveryStatus, row["status"])
    reason = _label(DeliveryReason, row["reason"])
    return (
        when(row["updated_at"]),
        row["subject"],
        addresses.display(row["email"]),
        f"{result}: {reason}" if reason else result,
        row["response"],
    )


def _entry(row: Row) -> Sequence[Cell]:
    note = "\n".join(filter(None, (row["note"], row["manual_note"])))
    reason = _label(SuppressionReason, row["reason"])
    return when(row["created_at"]), addresses.display(row["email"]), reason, note


def _label(choices: Any, value: str) -> str:
    return str(dict(choices.choices).get(value, value))


def _kind(name: str | None) -> str:
    """The word for a table, whichever app brings it."""
    found = (model for model in apps.get_models() if model._meta.model_name == name)
    model = next(found, None)
    return str(model._meta.verbose_name) if model else name or ""


def _action(name: str | None) -> str:
    return {"added": _("added"), "changed": _("changed"), "deleted": _("deleted")}.get(name or "", "")
