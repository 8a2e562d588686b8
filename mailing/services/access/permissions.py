"""One rule: without `send_mailing` nobody changes what will reach clients by itself.

Such a thing is an active mailing, its message and its recipients (by import or from the client list, too) with their
addresses. Drafts, and a new client who falls under "everyone", are free. `by=None` is the system or the command line:
always allowed.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils.translation import gettext_noop as _

from mailing.errors import NotAllowed
from mailing.models import Client, Mailing, Message

SEND_MAILING = "mailing.send_mailing"
NEEDS_MANAGER = _("This needs the rights of a Manager. Ask your administrator.")
ADDRESS_NEEDS_MANAGER = _(
    "This client is a recipient of a mailing that sends by itself: only a Manager may change the address."
)


def may_send(by: User | None) -> bool:
    """Whether the person may start, activate and stop mailings."""
    return by is None or by.has_perm(SEND_MAILING)


def require_send(by: User | None) -> None:
    """Raises NotAllowed."""
    if not may_send(by):
        raise NotAllowed(NEEDS_MANAGER)


def may_change_mailing(by: User | None, mailing: Mailing) -> bool:
    """Whether the person may change this mailing (or what it says about itself in the database)."""
    return may_send(by) or not mailing.is_active


def may_change_message(by: User | None, message: Message) -> bool:
    """A message is free while no active mailing sends it."""
    return may_send(by) or message.pk is None or not Mailing.objects.active().filter(message=message).exists()


def may_change_recipients(by: User | None, mailings: Iterable[Mailing]) -> bool:
    """Whether the person may add clients to these mailings or take them out."""
    return may_send(by) or not any(mailing.is_active for mailing in mailings)


def may_change_address(by: User | None, client: Client) -> bool:
    """Another address is another recipient of the mailings that name this client."""
    return may_send(by) or client.pk is None or not Mailing.objects.active().filter(clients=client).exists()


def may_stop_letters(by: User) -> bool:
    """Whether the person may put addresses on the stop list."""
    return by.has_perm("mailing.add_suppression")


def may_return_letters(by: User) -> bool:
    """Whether the person may take addresses off the stop list: letters go there again."""
    return by.has_perms(["mailing.delete_suppression", SEND_MAILING])


def require_recipients(by: User | None, mailings: Iterable[Mailing]) -> None:
    """Raises NotAllowed."""
    if not may_change_recipients(by, mailings):
        raise NotAllowed(NEEDS_MANAGER)
