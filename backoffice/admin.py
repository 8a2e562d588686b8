"""The admin site: its name, its first page, and the actions every list offers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from mailing.admin.deleting import delete_selected


class SamovarAdminSite(admin.AdminSite):
    site_title = _("Samovar")
    site_header = _("Samovar")
    index_title = _("Overview")
    site_url = None
    enable_nav_sidebar = False

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")
        self.add_action(delete_selected, "delete_selected")

    def get_urls(self) -> list[Any]:
        from mailing.admin import mailbox  # late: the screens of mailing.admin register with this very site

        return [*mailbox.urls(self), *super().get_urls()]
