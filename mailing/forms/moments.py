"""A date and a time of the installation's zone, typed in the language of the page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _

from mailing import unchecked
from mailing.forms.widgets import MomentWidget
from mailing.furniture import Words

CLOCK = ("%H:%M:%S", "%H:%M", "%H.%M", "%H")
NO_DATE = _("“%(given)s” is not a date. Write it like this: %(example)s.")
NO_TIME = _("“%(given)s” is not a time. Write it like this: 14:30.")


class MomentField(forms.SplitDateTimeField):
    """What cannot be read is answered with an example that can."""

    def __init__(self, *, label: Words, **kwargs: Any) -> None:
        words = {
            "required": _("Give the date and the time."),
            "invalid_date": _("Give the date, too."),
            "invalid_time": _("Give the time, too."),
        }
        # Not Django's own two fields, which would say only that something is wrong.
        super(forms.SplitDateTimeField, self).__init__(
            (_Day(), _Clock(input_formats=CLOCK)),
            label=label,
            widget=MomentWidget(label),
            error_messages=words,
            **kwargs,
        )


class _Day(forms.DateField):
    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except ValidationError:
            example = timezone.localdate().strftime(get_format("DATE_INPUT_FORMATS")[0])
            given = unchecked.excerpt(str(value))
            raise ValidationError(NO_DATE, "invalid", {"given": given, "example": example}) from None


class _Clock(forms.TimeField):
    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except ValidationError:
            raise ValidationError(NO_TIME, "invalid", {"given": unchecked.excerpt(str(value))}) from None
