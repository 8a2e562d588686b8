"""Attempts (one run of one mailing for all its clients) and their deliveries (one client each)."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailing.choices import (
    OPEN_DELIVERY_STATUSES,
    AttemptStatus,
    DeliveryReason,
    DeliveryStatus,
    Hindrance,
    Trigger,
    WaitsFor,
)
from mailing.models import attempt_notes, light
from mailing.models.fields import staff_key

NUMBERS = ("started_at", "finished_at", "audience", "sent", "failed", "unconfirmed", "skipped")


class RefusalGroup(TypedDict):
    """What many deliveries of an attempt have in common, as `Attempt.reasons` keeps it."""

    status: str
    reason: str
    code: int | None
    response: str  # of the first of them
    count: int
    examples: list[str]  # addresses; none once the deliveries are no longer kept


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def without_letters(self) -> AttemptQuerySet:
        """For whoever shows many of them."""
        return self.defer(*light.LETTER)

    def with_mailing(self) -> AttemptQuerySet:
        """Without letters, and with the name of their mailing."""
        return self.without_letters().select_related("mailing__message").defer(*light.mailing("mailing"))

    def running(self) -> AttemptQuerySet:
        return self.filter(status=AttemptStatus.RUNNING)

    def without_lease(self, now: datetime) -> AttemptQuerySet:
        """Running attempts nobody is working on."""
        return self.running().filter(Q(lease_until=None) | Q(lease_until__lt=now))

    def ready(self, now: datetime) -> AttemptQuerySet:
        """Running attempts nobody is working on and whose waiting time is over."""
        return self.without_lease(now).filter(Q(resume_at=None) | Q(resume_at__lte=now))


class Attempt(models.Model):
    """One run of one mailing. At every moment audience = sent + failed + unconfirmed + skipped + open."""

    mailing = models.ForeignKey(
        "mailing.Mailing", verbose_name=_("mailing"), on_delete=models.CASCADE, related_name="attempts"
    )
    occurrence = models.DateTimeField(
        _("occurrence"), null=True, blank=True, help_text=_("The planned time. Empty: an extra run.")
    )
    trigger = models.CharField(_("started"), max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    started_by = staff_key(_("started by"), editable=True)
    retry_of = models.ForeignKey(
        "self",
        verbose_name=_("retry of"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retries",
    )
    status = models.CharField(
        _("status"), max_length=10, choices=AttemptStatus.choices, default=AttemptStatus.RUNNING
    )
    subject = models.TextField(_("subject"), blank=True)
    from_email = models.CharField(_("sender"), max_length=500, blank=True)
    reply_to = models.CharField(_("reply address"), max_length=320, blank=True)
    html_body = models.TextField(_("HTML"), blank=True)
    text_body = models.TextField(_("text version"), blank=True)
    response = models.TextField(_("server response"), blank=True)
    # What `note_text` is made from; the two choices decide, the parameters are only read out.
    waits_for = models.CharField(
        _("why it waits"), max_length=20, choices=WaitsFor.choices, blank=True, default="", db_default=""
    )
    hindered_by = models.CharField(
        _("why it did not run"), max_length=20, choices=Hindrance.choices, blank=True, default="", db_default=""
    )
    note_params = models.JSONField(default=dict, blank=True)
    # The mail service: since the first trouble after the last letter it decided about.
    waits_since = models.DateTimeField(_("waits since"), null=True, blank=True)
    # The server let us have fewer connections: {"now": 3, "least": 1, "of": 20}; no "now": as many as we want, again.
    limited = models.JSONField(default=dict, blank=True, editable=False)
    # A worker died with letters on their way: how many were decided when the next one took over.
    interrupted_after = models.PositiveIntegerField(_("interrupted after"), null=True, blank=True)
    # Workers that died at it without an answer about a letter between two of them, and how far it was at the last.
    deaths = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    progress_at_death = models.PositiveIntegerField(null=True, blank=True, editable=False)
    # A missed one may stand for many planned times: how many, and the first of them (`occurrence` is the last).
    stands_for = models.PositiveIntegerField(_("planned times"), default=1, db_default=1)
    first_occurrence = models.DateTimeField(_("first planned time"), null=True, blank=True)
    reasons = models.JSONField(_("refusals"), default=list, blank=True)  # grouped, survive the purge
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    resume_at = models.DateTimeField(_("goes on at"), null=True, blank=True)
    # Somebody asks the run to end before everybody was served: the reason its open deliveries get. Once the run is
    # over it stands only where that left somebody out.
    cut_short = models.CharField(max_length=20, choices=DeliveryReason.choices, blank=True, default="")
    slice_at = models.DateTimeField(null=True, blank=True, editable=False)  # when somebody took the lease last
    # When a letter was decided last, to within a few seconds: whether a run gets on is told by it, not by its lease.
    decided_at = models.DateTimeField(_("last letter decided at"), null=True, blank=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    audience = models.PositiveIntegerField(_("recipients"), default=0)
    sent = models.PositiveIntegerField(_("accepted"), default=0)
    failed = models.PositiveIntegerField(_("refused"), default=0)
    unconfirmed = models.PositiveIntegerField(_("unconfirmed"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    staff_told = models.BooleanField(default=False, editable=False)  # of a failed or missed one: a notice was made

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("-started_at", "-pk")
        constraints = (
            # Rule 4 of the calendar: the database decides who runs.
            models.UniqueConstraint(fields=["mailing", "occurrence"], name="attempt_once_per_occurrence"),
            models.UniqueConstraint(
                fields=["mailing"], condition=Q(status=AttemptStatus.RUNNING), name="attempt_one_running"
            ),
            models.CheckConstraint(
                name="attempt_balances",
                condition=Q(audience__gte=F("sent") + F("failed") + F("unconfirmed") + F("skipped")),
            ),
        )
        indexes = (
            models.Index(fields=["-started_at", "-id"], name="attempt_by_started"),
            models.Index(fields=["mailing", "-started_at", "-id"], name="attempt_by_mailing"),
            # Runs that are not over are counted for every page.
            models.Index(fields=["status", "-started_at", "-id"], name="attempt_by_status"),
            # All that figures are summed from: a row holds the whole letter, and years of letters are long to read.
            models.Index(fields=["mailing", "status", *NUMBERS], name="attempt_numbers"),
            models.Index(
                fields=["id"],
                condition=Q(status__in=[AttemptStatus.FAILED, AttemptStatus.MISSED], staff_told=False),
                name="attempt_untold",
            ),
        )
        permissions = (("export_attempt", _("Can export attempts")),)

    def __str__(self) -> str:
        return gettext("Attempt %(number)s") % {"number": self.pk}

    @property
    def open(self) -> int:
        """Clients whose letter is neither sent nor given up yet."""
        return self.audience - self.sent - self.failed - self.unconfirmed - self.skipped

    def came_to(self) -> AttemptStatus:
        """The end of a run whose deliveries are all final (rule 7 of a run)."""
        if self.cut_short or not self.sent:
            return AttemptStatus.FAILED
        return AttemptStatus.PARTLY if self.failed or self.unconfirmed else AttemptStatus.SUCCEEDED

    @property
    def note_text(self) -> str:
        """Our own words about it, in the reader's language and time zone; empty when there is nothing to say."""
        return attempt_notes.about(self)

    @property
    def too_large(self) -> str:
        """Sizes of letter and server, in a sentence, where the run ended because of them."""
        return attempt_notes.too_large(self)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def open(self) -> DeliveryQuerySet:
        return self.filter(status__in=OPEN_DELIVERY_STATUSES)


class Delivery(models.Model):
    """The working row of one client in one attempt, so that a crash loses nobody and doubles nobody.

    The foreign keys have no database constraint: they made the audience insert three times slower
    (1.6 s against 0.56 s per 100 000 rows on PostgreSQL). Django keeps them; the claim joins and sees who is gone.
    """

    attempt = models.ForeignKey(
        Attempt,
        verbose_name=_("attempt"),
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    client = models.ForeignKey(
        "mailing.Client",
        verbose_name=_("client"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        db_constraint=False,
    )
    email = models.EmailField(_("e-mail"))
    status = models.CharField(
        _("status"), max_length=12, choices=DeliveryStatus.choices, default=DeliveryStatus.QUEUED
    )
    reason = models.CharField(_("reason"), max_length=20, choices=DeliveryReason.choices, blank=True, default="")
    code = models.PositiveSmallIntegerField(_("reply code"), null=True, blank=True)
    response = models.TextField(_("server response"), blank=True, default="")
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # While it is open: it was among twenty refusals in a row that may have meant the sender (decision 0004).
    refused_before = models.BooleanField(_("refused before"), default=False, db_default=False)
    retry_at = models.DateTimeField(_("next try"), null=True, blank=True)
    message_id = models.CharField("Message-ID", max_length=200, blank=True, default="")
    retry_of = (
        models.ForeignKey(  # at most one: its index below knows the rows that have one, and costs others nothing
            "self",
            verbose_name=_("retry of"),
            null=True,
            blank=True,
            on_delete=models.SET_NULL,
            related_name="retried_by",
            db_constraint=False,
            db_index=False,
        )
    )
    updated_at = models.DateTimeField(_("changed"), default=timezone.now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=["attempt", "email"], name="delivery_once_per_address"),
            models.UniqueConstraint(
                fields=["retry_of"], condition=Q(retry_of__isnull=False), name="delivery_retried_once"
            ),
        )
        indexes = (models.Index(fields=["attempt", "id"], name="delivery_by_attempt"),)

    def __str__(self) -> str:
        return self.email
