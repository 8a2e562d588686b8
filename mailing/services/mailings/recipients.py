"""Clients put into a mailing and taken out, any number at once, without loading one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.admin.models import CHANGE
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Model
from django.utils.translation import ngettext

from mailing.choices import Audience
from mailing.models import ClientImport, Mailing, Suppression, Undo
from mailing.models.bulk import insert_select
from mailing.services.access import audit_log, permissions, undos

if TYPE_CHECKING:
    from mailing.models.clients import ClientQuerySet
    from mailing.models.mailings import MailingQuerySet


@dataclass(frozen=True)
class AdditionPreview:
    """What adding these clients to this mailing would do."""

    chosen: int
    already: int
    not_receiving: int  # of the chosen: they are added, but get nothing while they are on the stop list

    @property
    def added(self) -> int:
        return self.chosen - self.already


def open_mailings(by: User | None) -> MailingQuerySet:
    """The mailings this person may add clients to: with a list of their own, not finished, newest first."""
    found = Mailing.objects.unfinished().filter(audience=Audience.SELECTED).select_related("message")
    return found if permissions.may_send(by) else found.filter(is_paused=True)


def preview(mailing: Mailing, clients: ClientQuerySet) -> AdditionPreview:
    """Three counts; nothing is changed."""
    chosen = clients.order_by()
    return AdditionPreview(
        chosen=chosen.count(),
        already=among(mailing, clients),
        not_receiving=chosen.filter(email__in=Suppression.objects.values("email")).count(),
    )


def among(mailing: Mailing, clients: ClientQuerySet) -> int:
    """How many of these clients are recipients of the mailing."""
    links = Mailing.clients.through.objects.filter(mailing=mailing)
    return clients.order_by().filter(pk__in=links.values("client_id")).count()


def add_to_mailing(mailing: Mailing, clients: ClientQuerySet, *, by: User | None) -> int:
    """Adds those who are not recipients yet; returns their number. Raises NotAllowed."""
    permissions.require_recipients(by, [mailing])
    number = insert(mailing, clients)
    if number:
        words = ngettext("%(n)s recipient added", "%(n)s recipients added", number) % {"n": number}
        audit_log.record(mailing, by, CHANGE, words)
    return number


def remove_from_mailing(
    mailing: Mailing, clients: ClientQuerySet, *, by: User | None, undo: Undo | None = None
) -> int:
    """Takes them out; a run that is going on skips them at once. Returns their number. Raises NotAllowed.

    `undo` remembers who they were.
    """
    permissions.require_recipients(by, [mailing])
    links = Mailing.clients.through.objects.filter(mailing=mailing, client__in=clients.order_by().values("pk"))
    with transaction.atomic():
        if undo is not None:
            Mailing.objects.select_for_update().filter(pk=mailing.pk).first()  # two at once: each removes its own
            undos.keep_recipients(undo, mailing, links)
        number, _numbers = links.delete()
    if number:
        words = ngettext("%(n)s recipient removed", "%(n)s recipients removed", number) % {"n": number}
        audit_log.record(mailing, by, CHANGE, words)
    return number


def insert(owner: Mailing | ClientImport, clients: ClientQuerySet) -> int:
    """Returns how many are new. 50 000 links take a fraction of a second; `clients.add(*ids)` loads every id."""
    links: type[Model] = type(owner).clients.through
    return insert_select(links, clients, **{str(owner._meta.model_name): owner.pk, "client": F("pk")})
