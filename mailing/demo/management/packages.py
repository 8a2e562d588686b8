"""What the demo runs on beside the product: mailing/demo/requirements.txt."""

from __future__ import annotations

from importlib.util import find_spec

from django.core.management.base import CommandError
from django.utils.translation import gettext as _


def require(*names: str) -> None:
    """A sentence with advice where one of them is missing: the product is installed without them."""
    for name in names:
        if find_spec(name) is None:
            raise CommandError(
                _("%(package)s is not installed: pip install --requirement mailing/demo/requirements.txt")
                % {"package": name}
            )
