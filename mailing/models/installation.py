"""What the whole installation shares: the state of the mail service, and the site the data belong to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

CLOCKS_DIFFER = timedelta(minutes=10)  # a wait longer than any of ours by more was made by a clock that ran ahead


class MailService(models.Model):
    """One row (pk 1): breaker, rate and allowance, and the site whose clients may be written to."""

    failures = models.PositiveIntegerField(default=0)  # in a row; the breaker opens at the threshold
    until = models.DateTimeField(null=True, blank=True)  # the breaker is open until then
    response = models.TextField(blank=True, default="")  # what the server said last when it failed
    next_send_at = models.DateTimeField(null=True, blank=True)  # rate limit: the first free send time
    # Fewer connections than SMTP_CONNECTIONS, because the server said so: how many, since when, and after how many
    # seconds one more is tried (`guards/allowance.py`).
    lines = models.PositiveIntegerField(null=True, blank=True)
    lines_at = models.DateTimeField(null=True, blank=True)
    lines_patience = models.PositiveIntegerField(default=0, db_default=0)
    trial_letters_per_hour = models.PositiveIntegerField(_("test letters an hour and person"), default=20)
    site_url = models.CharField(max_length=500, blank=True, default="")  # rule 13 of a run
    without_chunking = models.CharField(max_length=300, blank=True, default="")  # the server that fails at it
    without_chunking_until = models.DateTimeField(null=True, blank=True)  # then it is tried again
    # What runs had counted that were deleted with their mailing, for counters that must never fall.
    deleted_runs: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("mail service")
        verbose_name_plural = _("mail service")

    def __str__(self) -> str:
        return self.site_url

    @classmethod
    def load(cls) -> MailService:
        """The one row as it stands; where there is none yet, as it will be made. Writes nothing."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
