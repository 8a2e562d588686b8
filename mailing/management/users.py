"""Users as commands name them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def find(username: str) -> User:
    """Raises CommandError when there is nobody of that name."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(_("There is no user %(name)s.") % {"name": username})
    return user
