"""Fields and search boxes by which rows are chosen: whatever is sent for a row's number, the form says what is wrong.

Django's own boxes look for it in the database while the page is drawn, and its field for many rows before it is
known to be a number that a database can hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple

from mailing import unchecked

if TYPE_CHECKING:
    ManyChoice = forms.ModelMultipleChoiceField[Any]
else:
    ManyChoice = forms.ModelMultipleChoiceField


class SuggestedRow(AutocompleteSelect):
    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> list[Any]:
        return super().optgroups(name, _numbers(value), attr)


class SuggestedRows(AutocompleteSelectMultiple):
    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> list[Any]:
        return super().optgroups(name, _numbers(value), attr)


class ManyRows(ManyChoice):
    def clean(self, value: Any) -> Any:
        given = [str(pk) for pk in value] if isinstance(value, list | tuple) else []
        wrong = next((pk for pk in given if unchecked.number(pk) is None), None)
        if wrong is not None:
            words = self.error_messages["invalid_pk_value"]
            raise forms.ValidationError(words, code="invalid_pk_value", params={"pk": unchecked.excerpt(wrong)})
        return super().clean(value)


def _numbers(value: Sequence[str]) -> list[str]:
    """The empty choice stays as well."""
    return [pk for pk in value if not pk or unchecked.number(str(pk)) is not None]
