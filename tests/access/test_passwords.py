"""What may be a password."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tests.factories import UserFactory


@pytest.mark.parametrize(
    "password",
    [
        "eleven sign",
        "samovar-tea",
        "123456789012",
        "gfhjkmgfhjkm",
        "password1234",
        "Password!2026",
        "1234qwerty!!!!!!",
        "passwordpassword",
        "qwerty123456qwerty123456",
        "aaaaaaaaaaaaaaaaaaaa",
        "!!!!2026-11-28!!!!",
    ],
)
def test_short_common_and_padded_ones_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize("password", ["four words of mine", "Самовар, чай и сахар", "vT9#mQ2$xL7!", "long enough 1"])
def test_long_ones_of_ones_own_are_taken(password: str) -> None:
    validate_password(password)


@pytest.mark.django_db
def test_ones_own_name_is_no_password() -> None:
    with pytest.raises(ValidationError):
        validate_password("alexandra.petrova", UserFactory.build(username="alexandra.petrova"))
