"""The demo as an app of its own: what the back office has of it while it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from mailing import demo
from mailing.guests import Guest, Mode, Offer, Page, Section

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class DemoConfig(Guest):
    name = "mailing.demo"

    def pages(self) -> Iterator[Page]:
        from mailing.demo import examples, mailbox  # late: they load the screens of the admin

        yield Page("examples/", "fill_with_examples", examples.fill)
        yield from mailbox.PAGES

    def sections(self) -> Iterator[Section]:
        if demo.is_on():
            yield Section(_("Mail (demo)"), "admin:mailing_mailbox", "inbox", right="mailing.view_delivery")

    def mode(self) -> Mode | None:
        return Mode(_("Demo: letters stay here"), "amber") if demo.is_on() else None

    def offers(self, user: User) -> Iterator[Offer]:
        if user.is_superuser and demo.is_on():
            yield Offer(_("Only looking around?"), _("Fill with examples"), "admin:fill_with_examples")

    def forget(self, is_told_in: Callable[[str], bool]) -> None:
        from mailing.demo.maildir import StoredLetters

        StoredLetters(demo.mailbox_directory()).drop(is_told_in)
