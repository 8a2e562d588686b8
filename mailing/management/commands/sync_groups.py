"""Brings the groups Manager, Editor and Viewer back to what the product says they may do."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from mailing.services.access import groups


class Command(BaseCommand):
    help = "Sets the permissions of the groups Manager, Editor and Viewer. Other groups are left alone."

    def handle(self, *args: object, **options: object) -> None:
        for name, permissions in groups.sync().items():
            self.stdout.write(f"{name}: {permissions} permissions")
