"""Files of clients: kept while somebody checks them, their counters afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from mailing.models.fields import staff_key


class ClientImportQuerySet(models.QuerySet["ClientImport"]):
    def of(self, user: User) -> ClientImportQuerySet:
        """Files this person chose; nobody else may look at them or load them."""
        return self.filter(created_by=user.pk)

    def with_file(self) -> ClientImportQuerySet:
        """The file is still here: neither loaded nor given up."""
        return self.filter(Exists(ClientImportPiece.objects.filter(upload=OuterRef("pk"))))

    def with_problems(self) -> ClientImportQuerySet:
        return self.filter(problems__isnull=False)

    def expired(self, now: datetime) -> ClientImportQuerySet:
        return self.filter(expires_at__lte=now)


class ClientImport(models.Model):
    """One file of clients on its way through File → Check → Done.

    The file itself lies in `pieces` and goes as soon as it is loaded or given up, `problems` (a CSV of the rows that
    were left out, packed by gzip) and `clients` when the row expires; what stays is who loaded which file, and the
    counters.
    """

    file_name = models.CharField(_("file"), max_length=200)
    problems = models.BinaryField(null=True)
    counters: models.JSONField[Any, Any] = models.JSONField(default=dict)
    mailing = models.ForeignKey(
        "mailing.Mailing", verbose_name=_("mailing"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Whom the file holds; a table of its own, because a mark on the client would rewrite all its index entries.
    clients: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        "mailing.Client", verbose_name=_("clients"), related_name="imports", db_constraint=False
    )
    created_by = staff_key(_("loaded by"), blank=False, editable=True)
    created_at = models.DateTimeField(_("checked at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("kept until"), db_index=True)
    queued_at = models.DateTimeField(null=True)  # a worker of the cluster was asked to load it
    started_at = models.DateTimeField(null=True)  # being loaded: the last sign of life; a second press finds it set
    rows_done = models.PositiveIntegerField(default=0)
    trouble = models.TextField(blank=True, default="")  # why the worker did not load it, in the owner's language
    loaded_at = models.DateTimeField(_("loaded at"), null=True)

    objects = ClientImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import of clients")
        verbose_name_plural = _("imports of clients")
        ordering = ("-created_at", "-pk")
        default_permissions = ()

    def __str__(self) -> str:
        return self.file_name

    @property
    def rows(self) -> int:
        """How many rows the check has found, good and bad."""
        return sum(self.counters.get(name, 0) for name in ("new", "changed", "unchanged", "problems"))


class ClientImportPiece(models.Model):
    """A part of a file: 20 MB in one value would cost whoever writes or reads it 150 MB in PostgreSQL's driver."""

    upload = models.ForeignKey(ClientImport, verbose_name=_("file"), on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveSmallIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("piece of a file")
        verbose_name_plural = _("pieces of files")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["upload", "number"], name="import_piece_once"),)

    def __str__(self) -> str:
        return f"{self.upload}: {self.number}"
