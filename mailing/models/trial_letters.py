"""Who sent how many test letters within the last hour, and what came of them. To whom is nobody's business here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class TrialLetter(models.Model):
    """One test letter. Rows older than an hour count no more; the person's next letter takes them away.

    `outcome`: what the server made of it, in our identifiers (`replies.Outcome`), without its words.
    """

    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("sent by"), on_delete=models.CASCADE, related_name="+"
    )
    outcome = models.JSONField(_("outcome"), default=dict, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), default=timezone.now)

    class Meta:
        verbose_name = _("test letter")
        verbose_name_plural = _("test letters")
        default_permissions = ()
        indexes = (models.Index(fields=["sent_by", "sent_at"], name="trial_letter_by_person"),)

    def __str__(self) -> str:
        return str(self.sent_at)
