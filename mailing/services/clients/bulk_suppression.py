"""The stop list for many at once: clients chosen in the list, and addresses of a file.

What an entry means, and which reason outweighs which, is `suppression`'s; here is only how not to load 100 000 rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.admin.models import ADDITION
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext

from mailing.choices import SuppressionReason
from mailing.errors import NotAllowed
from mailing.models import Suppression, Undo
from mailing.models.bulk import insert_select
from mailing.services.access import audit_log, undos
from mailing.services.clients import suppression
from mailing.services.clients.merge import Judge, RowProblem
from mailing.tables.reading import Sheet

if TYPE_CHECKING:
    from mailing.models.clients import ClientQuerySet

MAY_NOT_STOP = _("You may not add to the stop list. Ask your administrator.")


@dataclass
class FileReport:
    """What a file did to the stop list."""

    added: int = 0
    already: int = 0
    problems: list[RowProblem] = field(default_factory=list)


@transaction.atomic
def stop_clients(clients: ClientQuerySet, *, by: User | None, undo: Undo | None = None) -> int:
    """None of them gets letters from now on; returns how many are new on the list. Raises NotAllowed.

    `undo` remembers how their addresses stood.
    """
    _require(by)
    if undo is not None:
        undos.keep_entries(undo, of_clients(clients))
        undos.keep_absent(undo, clients.receiving())
    bounced = of_clients(clients).filter(reason=SuppressionReason.HARD_BOUNCE)
    suppression.suppress_many(bounced.values_list("email", flat=True), SuppressionReason.MANUAL, by=by)
    suppression.list_under_goodbyes(of_clients(clients))
    number = insert_select(
        Suppression,
        clients,
        email=F("email"),
        reason=str(SuppressionReason.MANUAL),
        note="",
        created_by=by.pk if by else None,
        created_at=timezone.now(),
    )
    if number:
        name = ngettext("%(n)s address", "%(n)s addresses", number) % {"n": number}
        audit_log.record_many(Suppression, by, ADDITION, name)
    return number


def of_clients(clients: ClientQuerySet) -> QuerySet[Suppression]:
    """The entries of these clients' addresses."""
    return Suppression.objects.filter(email__in=clients.order_by().values("email"))


def by_reason(entries: QuerySet[Suppression]) -> dict[str, int]:
    """How many entries each reason has: who left by themselves should not be written to without being asked."""
    return dict(entries.order_by().values_list("reason").annotate(Count("pk")))


def add_file(sheet: Sheet, *, by: User | None, note: str = "") -> FileReport:
    """Every address of the file. Raises Unreadable (before anything is written) and NotAllowed."""
    _require(by)
    report = FileReport()
    judge = Judge(report.problems)
    for row in sheet:
        judge.address(row)
    report.added = suppression.suppress_many(judge.seen, SuppressionReason.MANUAL, note=note, by=by)
    report.already = len(judge.seen) - report.added
    return report


def _require(by: User | None) -> None:
    if by is not None and not by.has_perm("mailing.add_suppression"):
        raise NotAllowed(MAY_NOT_STOP)
