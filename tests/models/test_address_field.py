from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from mailing.models import Client
from mailing.models.fields import AddressFormField

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("typed", ["Анна <Anna@Example.ru>", " anna@example.ru\u200b", "mailto:anna@example.ru"])
def test_a_form_takes_what_people_paste(typed: str) -> None:
    form = modelform_factory(Client, fields=["email"])({"email": typed})
    assert form.is_valid()
    assert form.save().email == "anna@example.ru"


@pytest.mark.parametrize(
    "typed", ["anna", "anna@localhost", '"a b"@example.ru', "anna@[127.0.0.1]", "анна@example.ru"]
)
def test_what_no_letter_can_reach_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        AddressFormField().clean(typed)
    with pytest.raises(ValidationError):
        Client(email=typed).full_clean()


def test_one_domain_in_two_alphabets_is_one_client() -> None:
    Client.objects.create(email="info@пример.рф")
    assert Client.objects.get(email="INFO@xn--e1afmkfd.xn--p1ai").email == "info@xn--e1afmkfd.xn--p1ai"
    with pytest.raises(ValidationError):
        Client(email="info@Пример.РФ").full_clean()
