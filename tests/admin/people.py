"""Staff with exactly the permissions a test names."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.test import Client as Browser

from tests.factories import UserFactory


def somebody(*codenames: str) -> Browser:
    """The browser of a person with these permissions and no others."""
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    browser = Browser()
    browser.force_login(user)
    return browser
