"""Fields that keep their own value tidy, so that no save() has to; and the one that says who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import models

from mailing import addresses

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrOrPromise

    StaffKey = models.ForeignKey[User | None, User | None]


def validate_address(value: str) -> None:
    """Stricter than Django: only what plain SMTP carries (no "quoted name"@, no @[127.0.0.1], no @localhost)."""
    if not addresses.is_valid(value):
        raise ValidationError(EmailValidator.message, code="invalid")


class AddressFormField(forms.EmailField):
    """Takes what people paste: "Name <a@b.ru>", blanks, invisible characters."""

    default_validators = [validate_address]

    def to_python(self, value: object) -> str:
        return addresses.extract(str(super().to_python(value)))


class AddressField(models.EmailField):  # type: ignore[type-arg]
    """An e-mail address in its one stored form (`addresses.normalize`), on writing and in look-ups alike."""

    default_validators = [validate_address]

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**({"form_class": AddressFormField} | kwargs))

    def to_python(self, value: object) -> Any:
        value = super().to_python(value)
        return addresses.normalize(value) if isinstance(value, str) else value

    def get_prep_value(self, value: object) -> Any:
        value = super().get_prep_value(value)
        return addresses.normalize(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


def staff_key(verbose_name: _StrOrPromise, *, blank: bool = True, editable: bool = False) -> StaffKey:
    """Who of the staff did it; what they did stays when they go."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=verbose_name,
        null=True,
        blank=blank,
        editable=editable,
        on_delete=models.SET_NULL,
        related_name="+",
    )


class SearchTextField(models.TextField):  # type: ignore[type-arg]
    """The named fields of its row, case-folded and with ё as е: one plain LIKE finds them in any database.

    Written on every save and bulk_create; after `QuerySet.update()` of a source field the caller writes it too.
    """

    def __init__(self, *args: Any, sources: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.sources = sources
        super().__init__(*args, **(kwargs | {"editable": False, "blank": True, "default": ""}))

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        for key in ("editable", "blank", "default"):
            kwargs.pop(key, None)
        return name, path, args, kwargs | {"sources": self.sources}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        value = fold(" ".join(str(getattr(model_instance, name) or "") for name in self.sources))
        setattr(model_instance, self.attname, value)
        return value


def fold(text: str) -> str:
    """Text as it is searched: case-folded, ё as е, one space between words."""
    return " ".join(text.casefold().replace("ё", "е").split())
