"""What the box that finds anything (Ctrl-K) shows for some words: only what the person may open, the best first.

Every look is bounded: clients by their index, mailings and messages by their names alone, a run by its number. The
rights are asked before the database is; who may not see clients causes no look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from mailing import addresses, layouts, unchecked
from mailing.admin.common import pills
from mailing.choices import MailingStatus, Step
from mailing.formatting import when
from mailing.furniture import Words
from mailing.models import Attempt, Client, Mailing, Message, Suppression
from mailing.models.fields import fold
from mailing.services import states
from mailing.services.access import permissions
from mailing.services.reports import statistics
from mailing.services.states import Signs

SHOWN = 6  # rows of a group
COMPARED = 60  # clients that are read to show the likeliest of them
SHORTEST = 2  # letters by which clients are looked for
SHORTEST_VERB = 3
NAME_SHOWN = 90


@dataclass(frozen=True)
class Hit:
    """One row: where it leads, and what it says beside its name."""

    label: Words
    url: str
    icon: str = ""
    note: SafeString | str = ""
    pill: SafeString | str = ""
    also: Words = ""  # other words it is found by


@dataclass(frozen=True)
class Group:
    title: str
    hits: Sequence[Hit]
    more: str = ""  # the address of the list that has the rest


@dataclass(frozen=True)
class Answer:
    groups: list[Group]
    instead: str = ""  # what was looked for in the place of what was typed: the same keys in the other layout

    @property
    def number(self) -> int:
        return sum(len(group.hits) for group in self.groups)


@dataclass(frozen=True)
class Errand:
    """Something to begin that is about nothing yet: its page, and the right that page asks for."""

    label: Words
    page: str
    right: str
    icon: str
    also: Words

    def hit(self) -> Hit:
        return Hit(self.label, reverse(f"admin:mailing_{self.page}"), self.icon, also=self.also)


ERRANDS = (
    Errand(
        gettext_lazy("New mailing"),
        "mailing_add",
        "mailing.add_mailing",
        "plus",
        pgettext_lazy("words to find it by", "create add mailing newsletter"),
    ),
    Errand(
        gettext_lazy("New message"),
        "message_add",
        "mailing.add_message",
        "plus",
        pgettext_lazy("words to find it by", "create add write message letter"),
    ),
    Errand(
        gettext_lazy("Import clients"),
        "client_import",
        "mailing.import_client",
        "upload",
        pgettext_lazy("words to find it by", "load upload file excel csv clients"),
    ),
    Errand(
        gettext_lazy("New client"),
        "client_add",
        "mailing.add_client",
        "plus",
        pgettext_lazy("words to find it by", "create add client address"),
    ),
    Errand(
        gettext_lazy("Export clients"),
        "client_export",
        "mailing.export_client",
        "download",
        pgettext_lazy("words to find it by", "save download file excel csv clients"),
    ),
    Errand(
        gettext_lazy("Add an address to the stop list"),
        "suppression_add",
        "mailing.add_suppression",
        "stop",
        pgettext_lazy("words to find it by", "stop unsubscribe block address"),
    ),
    Errand(
        gettext_lazy("Stop list from a file"),
        "suppression_file",
        "mailing.add_suppression",
        "upload",
        pgettext_lazy("words to find it by", "load upload addresses file excel csv"),
    ),
    Errand(
        gettext_lazy("Report by mailing"),
        "attempt_report",
        "mailing.view_attempt",
        "chart",
        pgettext_lazy("words to find it by", "report statistics figures month"),
    ),
)


@dataclass(frozen=True)
class _Row:
    """A mailing as far as it is known before it is read: enough to tell which few are worth reading."""

    pk: int
    name: str
    subject: str
    status: str
    is_paused: bool
    next_run_at: datetime | None

    @cached_property
    def text(self) -> str:
        return fold(f"{self.name} {self.subject}")

    def holds(self, words: Iterable[str]) -> bool:
        return all(word in self.text for word in words)

    @property
    def is_active(self) -> bool:
        return not self.is_paused and not self.is_over

    @property
    def is_over(self) -> bool:
        return self.status == MailingStatus.FINISHED

    @property
    def urgency(self) -> tuple[int, float]:
        """What is to be sent soonest first, then what is paused, then what is over; of these the newest first."""
        if self.is_active and self.next_run_at:
            return 0, self.next_run_at.timestamp()
        return (3 if self.is_over else 2 if self.is_paused else 1), -self.pk


@dataclass(frozen=True)
class Verb:
    """What can be asked of a mailing by its name (“pause tea”): it leads to the page that asks, nothing happens."""

    label: Words
    words: Words
    page: str
    icon: str
    may: Callable[[User], bool]
    suits: Callable[[_Row], bool]

    def is_meant(self, word: str) -> bool:
        return len(word) >= SHORTEST_VERB and _begins([word], str(self.words))

    def hit(self, mailing: Mailing) -> Hit:
        name = _("“%(words)s”") % {"words": _short(mailing)}
        return Hit(
            f"{self.label} {name}", reverse(f"admin:mailing_mailing_{self.page}", args=[mailing.pk]), self.icon
        )


def _prepares(user: User) -> bool:
    return user.has_perm("mailing.change_mailing")


def _reads(user: User) -> bool:
    return user.has_perms(["mailing.view_mailing", "mailing.view_message"])


VERBS = (
    Verb(
        Step.SEND.label,
        pgettext_lazy("words to find it by", "send now"),
        "send",
        "send",
        permissions.may_send,
        lambda row: not row.is_paused,
    ),
    Verb(
        Step.PAUSE.label,
        pgettext_lazy("words to find it by", "pause hold"),
        "pause",
        "pause",
        permissions.may_send,
        lambda row: row.is_active,
    ),
    Verb(
        Step.RESUME.label,
        pgettext_lazy("words to find it by", "resume continue"),
        "resume",
        "play",
        permissions.may_send,
        lambda row: row.is_paused and not row.is_over,
    ),
    Verb(
        gettext_lazy("Finish"),
        pgettext_lazy("words to find it by", "finish end"),
        "finish",
        "flag",
        permissions.may_send,
        lambda row: row.is_active,
    ),
    Verb(
        gettext_lazy("Test to me"),
        pgettext_lazy("words to find it by", "test try"),
        "test",
        "test",
        _prepares,
        lambda row: not row.is_over,
    ),
    Verb(
        gettext_lazy("Preview"),
        pgettext_lazy("words to find it by", "preview look show"),
        "letter",
        "eye",
        _reads,
        lambda row: True,
    ),
)


def answer(user: User, text: str, pages: Sequence[Hit]) -> Answer:
    """What is found for the words. `pages`: the places of the navigation this person may open."""
    errands = [errand.hit() for errand in ERRANDS if user.has_perm(errand.right)]
    if not fold(text):
        return Answer(_offered(user, errands, pages))
    found = _Search(user, text).groups(errands, pages)
    meant = "" if found else layouts.other(text)
    if not meant:
        return Answer(found)
    again = _Search(user, meant).groups(errands, pages)
    return Answer(again, meant if again else "")


def _offered(user: User, errands: Sequence[Hit], pages: Sequence[Hit]) -> list[Group]:
    """Before anything is typed: what is about to be sent, what to begin, where to go."""
    return _filled(_Search(user, "").mailings(), Group(_("Actions"), errands[:4]), Group(_("Pages"), pages))


class _Search:
    """The words of one look, and what they find."""

    def __init__(self, user: User, text: str) -> None:
        self.user = user
        self.text = text.strip()
        self.words = fold(text).split()
        self.signs = Signs()

    def groups(self, errands: Iterable[Hit], pages: Iterable[Hit]) -> list[Group]:
        """An address and the number of a run mean one thing: that comes first. Else the few stand before the many."""
        actions = Group(_("Actions"), [*self._acts(), *self._named(errands)][:SHOWN])
        places = Group(_("Pages"), self._named(pages)[:SHOWN])
        clients = self._clients()
        first, last = (clients, None) if "@" in self.text else (None, clients)
        return _filled(self._attempt(), first, actions, places, self.mailings(), self._messages(), last)

    def _named(self, hits: Iterable[Hit]) -> list[Hit]:
        """Those whose words begin with what was typed."""
        return [hit for hit in hits if _begins(self.words, f"{hit.label} {hit.also}")]

    # --- mailings, and what can be asked of them ----------------------------------------------------------

    @cached_property
    def _rows(self) -> list[_Row]:
        """All mailings by what they are called: staff make them one by one, and a thousand are many."""
        if not self.user.has_perm("mailing.view_mailing"):
            return []
        columns = ("pk", "name", "message__subject", "status", "is_paused", "next_run_at")
        rows = (_Row(*row) for row in Mailing.objects.order_by().values_list(*columns))
        return sorted(rows, key=lambda row: row.urgency)

    def mailings(self) -> Group:
        rows = [row for row in self._rows if row.holds(self.words)]
        found = _read([row.pk for row in rows[:SHOWN]])
        runs = statistics.latest_attempts(found, 2) if found else ()
        of = {pk: [run for run in runs if run.mailing_id == pk] for pk in found}
        hits = [self._mailing(found[row.pk], of[row.pk]) for row in rows[:SHOWN] if row.pk in found]
        return Group(_("Mailings"), hits, _list("mailing", self.text, len(rows)))

    def _mailing(self, mailing: Mailing, runs: list[Attempt]) -> Hit:
        url = reverse("admin:mailing_mailing_change", args=[mailing.pk])
        note = when(mailing.next_run_at) if mailing.next_run_at else ""
        return Hit(_short(mailing), url, "send", note, pills.state(states.of_mailing(mailing, runs, self.signs)))

    def _acts(self) -> list[Hit]:
        """“pause tea”: what can be asked of the mailings whose name holds the words behind the verb."""
        wanted = [(verb, row) for verb in VERBS if verb.may(self.user) for row in self._suiting(verb)][:SHOWN]
        names = _read([row.pk for _verb, row in wanted])
        return [verb.hit(names[row.pk]) for verb, row in wanted if row.pk in names]

    def _suiting(self, verb: Verb) -> list[_Row]:
        number = next((n for n, word in enumerate(self.words) if not verb.is_meant(word)), len(self.words))
        return [row for row in self._rows if number and verb.suits(row) and row.holds(self.words[number:])]

    # --- messages, runs, clients ----------------------------------------------------------------------------

    def _messages(self) -> Group | None:
        if not self.user.has_perm("mailing.view_message"):
            return None
        rows = Message.objects.order_by("-updated_at", "-pk").values_list("pk", "subject")
        found = [(pk, subject) for pk, subject in rows if all(word in fold(subject) for word in self.words)]
        hits = [
            Hit(_short(subject), reverse("admin:mailing_message_change", args=[pk]), "mail")
            for pk, subject in found[:SHOWN]
        ]
        return Group(_("Messages"), hits, _list("message", self.text, len(found)))

    def _attempt(self) -> Group | None:
        """“42”, “№ 42”, “attempt 42”."""
        number = unchecked.number(self.words[-1].lstrip("#№"))
        before = [word.strip("#№") for word in self.words[:-1]]
        named = pgettext("words to find it by", "attempt run")
        if number is None or not _begins(before, named) or not self.user.has_perm("mailing.view_attempt"):
            return None
        attempt = Attempt.objects.with_mailing().filter(pk=number).first()
        if attempt is None:
            return None
        told = states.of_run(attempt, self.signs, mailing=attempt.mailing)
        url = reverse("admin:mailing_attempt_change", args=[attempt.pk])
        label = f"{attempt}: {_short(attempt.mailing)}"
        return Group(_("Attempts"), [Hit(label, url, "history", when(attempt.started_at), pills.state(told))])

    def _clients(self) -> Group | None:
        longest = max(map(len, self.words))
        if longest < SHORTEST or not self.user.has_perm("mailing.view_client"):
            return None
        exact = Client.objects.filter(email=addresses.extract(self.text)).first() if "@" in self.text else None
        found, number = ([exact], 1) if exact else self._found_clients()
        reasons = Suppression.objects.reasons([client.email for client in found])
        hits = [_client(client, reasons.get(client.email)) for client in found]
        return Group(_("Clients"), hits, _list("client", self.text, number))

    def _found_clients(self) -> tuple[list[Client], int]:
        """Of those that are met first, whoever is called so before whoever is only mentioned so."""
        found = Client.objects.some_found(self.text, most=COMPARED)

        def likeness(client: Client) -> tuple[int, str]:
            name = fold(f"{client.full_name} {client.email}")
            begun = sum(f" {word}" in f" {name}" for word in self.words)
            return -begun, name

        return sorted(found, key=likeness)[:SHOWN], len(found)


def _client(client: Client, stopped: str | None) -> Hit:
    url = reverse("admin:mailing_client_change", args=[client.pk])
    note = str(client.email) if client.full_name else ""
    pill = pills.receives(stopped) if stopped else ""
    return Hit(_short(client.full_name or client.email), url, "users", note, pill)


def _read(pks: Collection[int]) -> dict[int, Mailing]:
    return Mailing.objects.with_subject().in_bulk(pks)


def _filled(*groups: Group | None) -> list[Group]:
    return [group for group in groups if group and group.hits]


def _begins(words: Iterable[str], text: str) -> bool:
    """Whether each of the words begins one of the text's."""
    known = fold(text).replace("-", " ").split()
    return all(any(one.startswith(word) for one in known) for word in words)


def _short(thing: object) -> str:
    return Truncator(str(thing)).chars(NAME_SHOWN)


def _list(model: str, text: str, number: int) -> str:
    """The address of the list that shows the rest; empty where there is none."""
    if number <= SHOWN:
        return ""
    query = f"?{urlencode({'q': text})}" if text else ""
    return f"{reverse(f'admin:mailing_{model}_changelist')}{query}"
