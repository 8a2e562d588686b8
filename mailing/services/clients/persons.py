"""Who somebody was here: a client's present and former addresses and names, or an address without a client."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mailing import addresses
from mailing.models import Client, Delivery
from mailing.services.access import audit_log
from mailing.traces import Traces


@dataclass(frozen=True)
class Person:
    """Addresses are normalised, the present one first. One that is another client's by now is not among them."""

    client: Client | None
    emails: tuple[str, ...]
    names: tuple[str, ...] = ()

    @cached_property
    def traces(self) -> Traces:
        return Traces(self.emails, self.names, anywhere=True)


def of(client: Client) -> Person:
    """From the card, from what was sent to them, and from the journal of the card."""
    told = [addresses.split(text) for text in _reprs(client)]
    sent = Delivery.objects.filter(client=client.pk).order_by().values_list("email", flat=True).distinct()
    emails = _valid([client.email, *former(client), *sent, *(email for _name, email in told)])
    taken = set(Client.objects.filter(email__in=emails).exclude(pk=client.pk).values_list("email", flat=True))
    names = (client.full_name, *(name for name, email in told if addresses.is_valid(email)))
    return Person(client, tuple(email for email in emails if email not in taken), tuple(filter(None, names)))


def by_address(email: str) -> Person:
    """The client who has the address, or had it and nobody has it since; else only the address."""
    email = addresses.extract(email)
    client = Client.objects.filter(email=email).first()
    if client is None:
        had_it = Client.objects.filter(former_emails__contains=email)
        client = next((one for one in had_it if email in former(one)), None)
    return of(client) if client else Person(None, (email,))


def former(client: Client) -> list[str]:
    """The addresses the card had before."""
    return client.former_emails.split()


def keep_address(client: Client, before: str) -> None:
    """The card gets another address: the one before is remembered with it, for the day it is to be forgotten."""
    if before and before != client.email:
        kept = [email for email in former(client) if email not in {before, client.email}]
        client.former_emails = "\n".join([*kept, before])


def _reprs(client: Client) -> list[str]:
    entries = audit_log.about(Client, [client.pk]).order_by()
    return list(entries.values_list("object_repr", flat=True).distinct())


def _valid(emails: Iterable[str]) -> list[str]:
    return [email for email in dict.fromkeys(map(addresses.normalize, emails)) if addresses.is_valid(email)]
