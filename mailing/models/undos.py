"""What somebody of the staff did a moment ago and may still take back, with what it takes to do so."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from mailing.choices import UndoKind
from mailing.models.attempts import Attempt
from mailing.models.fields import AddressField, staff_key


class Undo(models.Model):
    """One act. It belongs to whoever did it, is used once, and goes when its time is over."""

    kind = models.CharField(_("kind"), max_length=10, choices=UndoKind.choices)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("done by"), on_delete=models.CASCADE, related_name="+"
    )
    # The mailings it was about, each as it stood right after: {"pk": 7, "active_since": "…", "updated_at": "…"}.
    mailings: models.JSONField[Any, Any] = models.JSONField(default=list)
    # Who was taken out of the mailing; as large as that, so there is no constraint to be checked row by row.
    clients: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        "mailing.Client", verbose_name=_("clients"), related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(_("done at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("kept until"), db_index=True)
    used_at = models.DateTimeField(_("undone at"), null=True)

    class Meta:
        verbose_name = _("act that can be undone")
        verbose_name_plural = _("acts that can be undone")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.pk})"


class UndoEntry(models.Model):
    """How an address stood on the stop list before the act; without a reason it was not there."""

    undo = models.ForeignKey(Undo, verbose_name=_("act"), on_delete=models.CASCADE, related_name="entries")
    email = AddressField(_("e-mail"))
    reason = models.CharField(_("reason"), max_length=20, blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    manual_note = models.TextField(null=True)  # noqa: DJ001 (as in the stop list: an empty note is one)
    attempt = models.ForeignKey(
        Attempt, verbose_name=_("attempt"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_by = staff_key(_("added by"))
    added_at = models.DateTimeField(_("since"), null=True)

    class Meta:
        verbose_name = _("entry as it was")
        verbose_name_plural = _("entries as they were")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.email)
