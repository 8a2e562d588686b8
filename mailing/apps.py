"""The mailing app: what the product does."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MailingConfig(AppConfig):
    name = "mailing"
    verbose_name = _("Mailings")

    def ready(self) -> None:
        from mailing import checks, queue_packages, scheduling  # noqa: F401  (importing checks registers them)
        from mailing.models import searching
        from mailing.services.access import groups, rights_watch, site_guard

        queue_packages.guard()
        scheduling.listen()
        rights_watch.watch()
        post_migrate.connect(groups.create_missing, sender=self)
        post_migrate.connect(site_guard.remember_after_migrate, sender=self)
        post_migrate.connect(searching.keep_index, sender=self)
