"""The access log: who came in, who did not, and what changed about who may."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from mailing.choices import AccessKind

FAILURES = (AccessKind.FAILED, AccessKind.CODE_FAILED)
UNFRIENDLY = (*FAILURES, AccessKind.LOCKED_OUT, AccessKind.REFUSED)
PARTS = {
    "what": "%(what)s",
    "given": gettext_noop("given: %(what)s"),
    "taken": gettext_noop("taken away: %(what)s"),
    "changed": gettext_noop("changed: %(what)s"),
}
FLAGS = {
    "is_superuser": gettext_noop("administrator"),
    "is_staff": gettext_noop("access to the back office"),
    "is_active": gettext_noop("account active"),
    "username": gettext_noop("user name"),
    "email": gettext_noop("e-mail"),
    "second_factor": gettext_noop("needs a second factor"),
}


class AccessEventQuerySet(models.QuerySet["AccessEvent"]):
    def failures(self) -> AccessEventQuerySet:
        """Wrong passwords and wrong codes: what the limits count."""
        return self.filter(kind__in=FAILURES)


class AccessEvent(models.Model):
    """One thing that happened; never changed, and deleted by retention alone.

    Users stand here by name, so that the log outlives them. A name that no user has is shortened (`username`), for
    people type passwords there; what was typed is counted by its keyed hash (`name_key`).
    """

    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    kind = models.CharField(_("what"), max_length=20, choices=AccessKind.choices)
    username = models.CharField(_("user name"), max_length=150, blank=True)
    name_key = models.CharField(max_length=32, blank=True)
    by = models.CharField(_("by"), max_length=150, blank=True)  # empty: the user, or the command line
    address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    network = models.CharField(max_length=43, blank=True)  # what is counted as one address: a /64 of IPv6
    device = models.CharField(max_length=16, blank=True)  # a known device of this user
    browser = models.CharField(_("browser"), max_length=255, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)

    objects = AccessEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of the access log")
        verbose_name_plural = _("access log")
        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        permissions = (("export_accessevent", _("Can export the access log")),)
        indexes = (
            models.Index(fields=["name_key", "at"], name="access_by_name"),
            models.Index(fields=["network", "at"], name="access_by_network"),
        )

    def __str__(self) -> str:
        return f"{self.username or '—'}: {self.get_kind_display()}"

    @property
    def told(self) -> str:
        """The details, in the reader's language."""
        parts = [
            gettext(words) % {"what": _listed(self.details[name])}
            for name, words in PARTS.items()
            if self.details.get(name)
        ]
        return "; ".join(parts)


def _listed(items: Iterable[str] | str) -> str:
    return items if isinstance(items, str) else ", ".join(_item(item) for item in items)


def _item(item: str) -> str:
    """“group:Manager”, “flag:is_staff”, “right:mailing.send_mailing”, or a word as it is."""
    kind, _sep, name = item.partition(":")
    if kind == "group":
        return gettext("group %(name)s") % {"name": gettext(name)}
    if kind == "flag":
        return gettext(FLAGS.get(name, name))
    return name or kind
