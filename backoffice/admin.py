"""The admin site: its name, its first page and its navigation."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class SamovarAdminSite(admin.AdminSite):
    site_title = _("Samovar")
    site_header = _("Samovar")
    index_title = _("Overview")
    enable_nav_sidebar = False
