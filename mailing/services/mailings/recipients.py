"""Clients put into a mailing and taken out, any number at once; found by a list of addresses, too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.contrib.admin.models import CHANGE
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef
from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext

from mailing import addresses
from mailing.choices import Audience
from mailing.errors import Refused
from mailing.models import Client, ClientImport, Mailing, Suppression, Undo
from mailing.models.bulk import insert_select
from mailing.services.access import audit_log, permissions, undos

SEPARATORS = re.compile(r"[\n\r,;]+")
PASTED_AT_ONCE = 5_000  # addresses; more of them are a file
BATCH = 500
TOO_MANY = _("These are more than %(limit)s addresses. Load them as a file: the import adds them to a mailing, too.")

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


@dataclass(frozen=True)
class Pasted:
    """A list of addresses as somebody pasted it, sorted by what is known of them."""

    known: tuple[int, ...]  # ids of clients
    unknown: tuple[str, ...]  # addresses that no client has
    wrong: tuple[str, ...]  # what is no address

    @property
    def is_clean(self) -> bool:
        return bool(self.known) and not self.unknown and not self.wrong


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


def not_in(mailing: Mailing) -> ClientQuerySet:
    """The clients who could be added."""
    links = Mailing.clients.through.objects.filter(mailing=mailing, client=OuterRef("pk"))
    return Client.objects.filter(~Exists(links))


def pasted(text: str) -> Pasted:
    """Whose addresses these are: one a line, or with commas, semicolons or blanks between them. Raises Refused."""
    found, wrong = _addresses(text)
    if len(found) + len(wrong) > PASTED_AT_ONCE:
        raise Refused(TOO_MANY, limit=PASTED_AT_ONCE)
    known: dict[str, int] = {}
    rest = iter(found)
    while part := list(islice(rest, BATCH)):
        known.update(Client.objects.filter(email__in=part).values_list("email", "pk"))
    return Pasted(tuple(known.values()), tuple(email for email in found if email not in known), tuple(wrong))


def _addresses(text: str) -> tuple[list[str], list[str]]:
    """(addresses, what is none), each once and in the order of the text."""
    found: dict[str, None] = {}
    wrong: dict[str, None] = {}
    for piece in filter(str.strip, SEPARATORS.split(text)):
        email = addresses.extract(piece)
        words = [email] if addresses.is_valid(email) else [addresses.extract(word) for word in piece.split()]
        if all(map(addresses.is_valid, words)):
            found.update(dict.fromkeys(words))
        else:
            wrong[piece.strip()] = None
    return list(found), list(wrong)


def insert(owner: Mailing | ClientImport, clients: ClientQuerySet) -> int:
    """Returns how many are new. 50 000 links take a fraction of a second; `clients.add(*ids)` loads every id."""
    links: type[Model] = type(owner).clients.through
    return insert_select(links, clients, **{str(owner._meta.model_name): owner.pk, "client": F("pk")})
