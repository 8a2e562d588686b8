"""Messages: what is sent, reusable by many mailings."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Message(models.Model):
    """Subject and body of a letter. Its fields in double braces are filled per client (`placeholders`)."""

    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("body"))
    is_html = models.BooleanField(_("HTML"), default=False)
    text_body = models.TextField(
        _("text version"),
        blank=True,
        help_text=_("For mail programs that show no HTML. Empty: made from the HTML by itself."),
    )
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("-updated_at", "-pk")

    def __str__(self) -> str:
        return self.subject
