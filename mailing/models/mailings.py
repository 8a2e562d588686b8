"""Mailings: one message for many clients, again and again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from mailing import texts
from mailing.choices import AttemptStatus, Audience, DeliveryReason, MailingStatus, Periodicity
from mailing.models import light
from mailing.models.attempts import Attempt
from mailing.models.clients import Client, ClientQuerySet
from mailing.models.fields import staff_key

OVERDUE_AFTER = timedelta(minutes=5)  # several ticks: whoever is later than that was forgotten, not queued


class MailingQuerySet(models.QuerySet["Mailing"]):
    def with_subject(self) -> MailingQuerySet:
        """For whoever shows their names: one without a name is called by the subject of its message."""
        return self.select_related("message").defer(*light.message("message"))

    def unfinished(self) -> MailingQuerySet:
        return self.exclude(status=MailingStatus.FINISHED)

    def active(self) -> MailingQuerySet:
        """Mailings that send by themselves: neither paused nor finished."""
        return self.unfinished().filter(is_paused=False)

    def sending(self) -> MailingQuerySet:
        """Mailings with a run that is going on right now, or waits to go on."""
        return self.filter(Exists(Attempt.objects.running().filter(mailing=OuterRef("pk"))))

    def overdue(self, now: datetime) -> MailingQuerySet:
        """Mailings whose time passed a while ago, and nothing is being sent."""
        late = self.active().filter(next_run_at__lte=now - OVERDUE_AFTER)
        return late.exclude(Exists(Attempt.objects.running().filter(mailing=OuterRef("pk"))))

    def failing(self) -> MailingQuerySet:
        """Mailings whose newest closed run failed or was missed."""
        closed = Attempt.objects.filter(mailing=OuterRef("pk")).exclude(status=AttemptStatus.RUNNING)
        newest = Subquery(closed.order_by("-started_at", "-pk").values("status")[:1])
        return self.annotate(newest_result=newest).filter(
            newest_result__in=(AttemptStatus.FAILED, AttemptStatus.MISSED)
        )

    def with_errors(self) -> MailingQuerySet:
        """Mailings of which a letter was ever refused."""
        return self.filter(Exists(Attempt.objects.filter(mailing=OuterRef("pk"), failed__gt=0)))

    def ending(self, now: datetime, until: datetime) -> MailingQuerySet:
        """Unfinished mailings whose end lies between the two moments."""
        return self.unfinished().filter(end_at__gte=now, end_at__lt=until)

    def without_recipients(self) -> MailingQuerySet:
        """Unfinished mailings to selected clients with nobody selected."""
        chosen = Mailing.clients.through.objects.filter(mailing=OuterRef("pk"))
        return self.unfinished().filter(~Exists(chosen), audience=Audience.SELECTED)


class Mailing(models.Model):
    """One message + many clients + start, end and periodicity.

    `active_since` empty: saved, but never seen by the calendar (a draft, or a row made by a script).
    `status`, `active_since`, `next_run_at` and `held_at` are the clock's: services write them, forms never.
    """

    name = models.CharField(_("name"), max_length=200, blank=True, help_text=_("Empty: the subject of the message."))
    message = models.ForeignKey(
        "mailing.Message", verbose_name=_("message"), on_delete=models.PROTECT, related_name="mailings"
    )
    clients = models.ManyToManyField(Client, verbose_name=_("recipients"), related_name="mailings", blank=True)
    audience = models.CharField(_("to whom"), max_length=10, choices=Audience.choices, default=Audience.SELECTED)
    from_name = models.CharField(_("sender name"), max_length=100, blank=True)
    reply_to = models.EmailField(_("reply address"), blank=True)
    start_at = models.DateTimeField(_("first send"))
    end_at = models.DateTimeField(_("end"), null=True, blank=True)
    periodicity = models.CharField(
        _("periodicity"), max_length=10, choices=Periodicity.choices, default=Periodicity.ONCE
    )
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=MailingStatus.choices,
        default=MailingStatus.CREATED,
        editable=False,
    )
    is_paused = models.BooleanField(
        _("draft"), default=False, help_text=_("A draft sends nothing until you resume it.")
    )
    active_since = models.DateTimeField(_("active since"), null=True, blank=True, editable=False)
    next_run_at = models.DateTimeField(_("next send"), null=True, blank=True, editable=False)
    # Due, and paused or changed before this first run: it may still run, or stands as missed later.
    held_at = models.DateTimeField(null=True, blank=True, editable=False)
    schedule = models.OneToOneField(
        "django_q.Schedule",
        verbose_name=_("schedule"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="mailing",
    )
    created_by = staff_key(_("author"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                name="mailing_ends_after_start",
                condition=Q(end_at=None) | Q(end_at__gte=F("start_at")),
                violation_error_message=_(texts.ENDS_TOO_EARLY),
            ),
        )
        indexes = (models.Index(fields=["next_run_at"], name="mailing_by_next_run"),)
        permissions = (("send_mailing", _("Can send and activate mailings")),)

    def __str__(self) -> str:
        return self.name or self.message.subject

    def audience_clients(self) -> ClientQuerySet:
        """The clients a run would reach if it started now: of the audience, and not on the stop list."""
        clients = Client.objects.all() if self.audience == Audience.EVERYONE else self.clients.all()
        return clients.receiving()

    def has_ended(self, now: datetime) -> bool:
        """Whether the end has passed; what is due at the end itself still runs."""
        return self.end_at is not None and self.end_at < now

    def why_over(self, now: datetime) -> DeliveryReason | None:
        """Why a run is not to go on: staff finished the mailing, or its end has passed. None: it may."""
        if self.status == MailingStatus.FINISHED:
            return DeliveryReason.FINISHED
        return DeliveryReason.ENDED if self.has_ended(now) else None

    @property
    def is_active(self) -> bool:
        return not self.is_paused and self.status != MailingStatus.FINISHED
