"""Who is alive: one row for each running cluster."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HEARTBEAT_STALE_AFTER = timedelta(seconds=180)
WORKERS_SILENT_AFTER = timedelta(minutes=3)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def alive(self, now: datetime | None = None) -> HeartbeatQuerySet:
        """Clusters seen within the last three minutes."""
        return self.filter(seen__gte=(now or timezone.now()) - HEARTBEAT_STALE_AFTER)

    def answering(self, now: datetime | None = None) -> HeartbeatQuerySet:
        """Of those, the clusters whose workers answer: a task that is queued now will be taken up soon."""
        return self.alive(now).filter(worker_seen__gte=(now or timezone.now()) - WORKERS_SILENT_AFTER)


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
