"""The project's app (theme and wording) and the admin under our own site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class BackofficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = _("Back office")


class SamovarAdminConfig(AdminConfig):
    default_site = "backoffice.admin.SamovarAdminSite"

    def ready(self) -> None:
        super().ready()  # imports the admin module of every app, Django's own screens of users among them
        from django.contrib import admin

        from backoffice import logins, staff
        from mailing.admin.deleting import delete_selected

        admin.site.disable_action("delete_selected")
        admin.site.add_action(delete_selected, "delete_selected")  # the action every list offers
        staff.register(admin.site)
        logins.register(admin.site)
