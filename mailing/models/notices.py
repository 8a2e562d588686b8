"""Letters to staff: kept until they could be sent."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailing.choices import NoticeKind


class StaffNoticeQuerySet(models.QuerySet["StaffNotice"]):
    def waiting(self, now: datetime) -> StaffNoticeQuerySet:
        """Not sent yet, and it is time to try."""
        return self.filter(sent_at=None, send_after__lte=now)


class StaffNotice(models.Model):
    """One cause, one mailing, one day, one reader: at most one letter about it."""

    kind = models.CharField(_("cause"), max_length=10, choices=NoticeKind.choices)
    mailing = models.ForeignKey("mailing.Mailing", on_delete=models.CASCADE, related_name="notices")
    attempt = models.ForeignKey("mailing.Attempt", null=True, on_delete=models.SET_NULL, related_name="notices")
    day = models.DateField(_("day"))
    email = models.EmailField(_("e-mail"))
    created_at = models.DateTimeField(default=timezone.now)
    send_after = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    objects = StaffNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("letter to staff")
        verbose_name_plural = _("letters to staff")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["kind", "mailing", "day", "email"], name="notice_once_per_cause_and_day"),
        )
        indexes = (models.Index(fields=["send_after"], condition=models.Q(sent_at=None), name="notice_waiting"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.mailing}"
