"""The project's app (theme and wording) and the admin under our own site."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks
from django.utils.translation import gettext_lazy as _


class BackofficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        from backoffice import file_modes  # noqa: F401  (importing registers its check)


class SamovarAdminConfig(SimpleAdminConfig):
    default_site = "backoffice.admin.SamovarAdminSite"

    def ready(self) -> None:
        """The screens wait for who shows them (`backoffice.screens`): loading them takes longer than all the rest."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_screens, checks.Tags.admin)


def check_screens(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[checks.CheckMessage]:
    """Django's check of the admin, over screens that are there."""
    from backoffice import screens  # noqa: F401  (importing registers them)

    return check_admin_app(app_configs, **kwargs)
