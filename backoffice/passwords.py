"""Passwords that are long and yet the first a thief tries."""

from __future__ import annotations

import re

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")


class CommonAtHeartValidator(CommonPasswordValidator):
    """A common password with figures and signs around it, or written several times over, is as common."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        heart = _once(AROUND.sub("", password.lower().strip()))
        if len(heart) < 4 or heart in self.passwords or _once(password.lower()) in self.passwords:
            raise ValidationError(
                _("This is a common password with something around it: thieves try these first. Take several words."),
                code="password_common_at_heart",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be a common one with figures around it.")


def _once(text: str) -> str:
    """“samovarsamovar” is “samovar” twice."""
    again = (text + text).find(text, 1) if text else 0
    return text[:again]
