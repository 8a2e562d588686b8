"""Clients, and the addresses that must never be written to."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from mailing.choices import SuppressionReason
from mailing.models import searching
from mailing.models.fields import AddressField, SearchTextField, staff_key


class ClientQuerySet(models.QuerySet["Client"]):
    def search(self, text: str) -> ClientQuerySet:
        """Clients whose name, address or comment contains every word of the text (`searching.condition`)."""
        return self.filter(searching.condition(text, self.db))

    def some_found(self, text: str, *, most: int) -> list[Client]:
        """A few of those a search finds, with name and address only: as quick among a million as among ten."""
        light, ids = self.only("full_name", "email"), searching.some(text, self.db, most=most)
        return list(light.search(text).order_by()[:most] if ids is None else light.filter(pk__in=ids))

    def receiving(self) -> ClientQuerySet:
        """Clients who receive mail: their address is not on the stop list."""
        return self.filter(~Exists(Suppression.objects.filter(email=OuterRef("email"))))


class Client(models.Model):
    """Somebody who receives letters; never logs in."""

    SEARCHED = ("full_name", "email", "comment")
    LONGEST_COMMENT = 10_000  # characters that somebody may enter; what is there already stays

    email = AddressField(
        _("e-mail"),
        unique=True,
        help_text=_("Upper and lower case make no difference; a second client with the same address is not saved."),
    )
    full_name = models.CharField(_("full name"), max_length=300, blank=True)
    greeting = models.CharField(
        _("greeting"),
        max_length=300,
        blank=True,
        help_text=_("How a letter addresses the client. Empty: the full name."),
    )
    comment = models.TextField(_("comment"), blank=True)
    source = models.CharField(_("source"), max_length=200, blank=True, editable=False)
    # One a line: whoever is forgotten is forgotten under each of them.
    former_emails = models.TextField(_("former addresses"), blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    search_text = SearchTextField(_("search text"), sources=SEARCHED)

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("full_name", "pk")
        indexes = (
            models.Index(fields=["full_name", "id"], name="client_by_name"),
            models.Index(fields=["created_at"], name="client_by_created"),
        )
        permissions = (("import_client", _("Can import clients")), ("export_client", _("Can export clients")))

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>" if self.full_name else self.email

    @cached_property
    def suppression(self) -> Suppression | None:
        """The stop-list entry of the address, if there is one, with the attempt that made it."""
        return Suppression.objects.select_related("attempt__mailing__message").filter(email=self.email).first()

    @cached_property
    def number_of_mailings(self) -> int:
        """How many mailings the client was chosen for; what goes to everyone comes on top."""
        return self.mailings.through.objects.filter(client=self).count()


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def reasons(self, emails: Collection[str]) -> dict[str, str]:
        """Why those of the addresses that stand on the stop list stand there."""
        return dict(self.filter(email__in=emails).values_list("email", "reason"))


class Suppression(models.Model):
    """An address that must never be written to. Keyed by address: it survives the client."""

    email = AddressField(_("e-mail"), unique=True)
    reason = models.CharField(
        _("reason"),
        max_length=20,
        choices=SuppressionReason.choices,
        default=SuppressionReason.MANUAL,
    )
    note = models.TextField(_("note"), blank=True)
    # Staff listed the address, too, under somebody's own goodbye: what they noted. None: they did not.
    manual_note = models.TextField(null=True, blank=True, editable=False)  # noqa: DJ001 (an empty note is one)
    attempt = models.ForeignKey(
        "mailing.Attempt",
        verbose_name=_("attempt"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="suppressions",
    )
    created_by = staff_key(_("added by"))
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("stop-list entry")
        verbose_name_plural = _("stop list")
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return str(self.email)
