"""Messages: what is sent, reusable by many mailings."""

from __future__ import annotations

from django.core.exceptions import ValidationError
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
        indexes = (models.Index(fields=["-updated_at", "-id"], name="message_by_changed"),)

    def __str__(self) -> str:
        return self.subject

    def clean(self) -> None:
        """A subject is one line; whatever a mail program could take for the end of a line ends it."""
        if len(self.subject.splitlines()) > 1:
            raise ValidationError({"subject": _("The subject has a line break. Write it on one line.")})


class PreparedBody(models.Model):
    """What a child process made of the HTML of a message (`letterhtml`), so that a run need not ask one again.

    It holds for the text whose hash is its key, and for nothing else: whoever changes a message need not know of it.
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True, related_name="+")
    key = models.CharField(max_length=64)
    html_body = models.TextField()
    text_body = models.TextField(blank=True)

    class Meta:
        verbose_name = _("prepared message")
        verbose_name_plural = _("prepared messages")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.message_id)
