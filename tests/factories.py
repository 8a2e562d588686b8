"""Builders: each makes a valid row; a test spells out only what matters to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.models import User
from django.utils import timezone

from mailing.models import Attempt, Client, Delivery, Mailing, Message, Suppression
from mailing.services.clients import merge


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    is_staff = True


class ClientFactory(factory.django.DjangoModelFactory[Client]):
    class Meta:
        model = Client

    email = factory.Sequence(lambda n: f"client{n}@example.ru")
    full_name = factory.Sequence(lambda n: f"Клиент {n}")


class SuppressionFactory(factory.django.DjangoModelFactory[Suppression]):
    class Meta:
        model = Suppression

    email = factory.Sequence(lambda n: f"gone{n}@example.ru")


class MessageFactory(factory.django.DjangoModelFactory[Message]):
    class Meta:
        model = Message

    subject = "Новости"
    body = "Здравствуйте, {{ greeting }}!"


class MailingFactory(factory.django.DjangoModelFactory[Mailing]):
    """A mailing whose first send lay a minute ago; `clients=3` makes three recipients, `clients=[…]` takes yours."""

    class Meta:
        model = Mailing
        skip_postgeneration_save = True

    message = factory.SubFactory(MessageFactory)
    start_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=1))

    @factory.post_generation
    def clients(self: Mailing, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create and extracted:
            self.clients.add(*(ClientFactory.create_batch(extracted) if isinstance(extracted, int) else extracted))


class AttemptFactory(factory.django.DjangoModelFactory[Attempt]):
    class Meta:
        model = Attempt

    mailing = factory.SubFactory(MailingFactory)


class DeliveryFactory(factory.django.DjangoModelFactory[Delivery]):
    class Meta:
        model = Delivery

    attempt = factory.SubFactory(AttemptFactory)
    client = factory.SubFactory(ClientFactory)
    email = factory.LazyAttribute(lambda delivery: delivery.client.email)


def from_file(email: str, full_name: str, *, stored: tuple[str, ...] | None = None) -> merge.Merged:
    """A row of a file of clients, beside what is stored; whatever columns a client has, the others are empty."""
    texts = {"full_name": full_name}
    return merge.Merged(email, tuple(texts.get(name, "") for name in merge.TEXTS), stored)
