"""What the whole installation shares: the state of the mail service, and who is alive."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HEARTBEAT_STALE_AFTER = timedelta(seconds=180)


class MailService(models.Model):
    """One row (pk 1): the breaker, the next free send time, and the site whose clients may be written to."""

    failures = models.PositiveIntegerField(default=0)  # in a row; the breaker opens at the threshold
    until = models.DateTimeField(null=True, blank=True)  # the breaker is open until then
    response = models.TextField(blank=True, default="")  # what the server said last when it failed
    next_send_at = models.DateTimeField(null=True, blank=True)  # rate limit: the first free send time
    site_url = models.CharField(max_length=500, blank=True, default="")  # rule 13: a copy must not write

    class Meta:
        verbose_name = _("mail service")
        verbose_name_plural = _("mail service")

    def __str__(self) -> str:
        return self.site_url

    @classmethod
    def load(cls) -> MailService:
        """The one row, made when it is missing."""
        return cls.objects.get_or_create(pk=1)[0]


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def alive(self, now: datetime | None = None) -> HeartbeatQuerySet:
        """Clusters seen within the last three minutes."""
        return self.filter(seen__gte=(now or timezone.now()) - HEARTBEAT_STALE_AFTER)


class Heartbeat(models.Model):
    """One running cluster; only `qcluster` writes it."""

    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField("pid")
    version = models.CharField(_("version"), max_length=50, blank=True)
    workers = models.PositiveSmallIntegerField(_("workers"), default=0)
    seen = models.DateTimeField(_("seen"), default=timezone.now)
    worker_seen = models.DateTimeField(_("worker seen"), null=True, blank=True)

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        constraints = (models.UniqueConstraint(fields=["host", "pid"], name="heartbeat_once_per_process"),)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
