"""One person everywhere the product can put them; then forgotten; then looked for in every column and every file."""

from __future__ import annotations

from mailbox import Maildir
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import Failure

from mailing import addresses, demo, links
from mailing.choices import SuppressionReason
from mailing.models import Attempt, Client, Delivery, Mailing, MailService, Suppression
from mailing.replies import Phase, Reply
from mailing.services import runs
from mailing.services.clients import bulk_suppression, imports, suppression
from mailing.tables import reading
from tests.delivery.transports.in_memory import MemoryTransport
from tests.factories import ClientFactory, MailingFactory
from tests.forgetting.looking import Needles, files, places

pytestmark = pytest.mark.django_db(transaction=True)

NOW, BEFORE, FIRST = "praskovia+tea@chai-lavka.example", "praskovia@чайная.рф", "praskovia@old-firm.example"
BEFORE_STORED = addresses.normalize(BEFORE)
NAME, NAME_BEFORE = "Прасковья Ёлкина", "Прасковья Чайкина"
# People who look like them. Nothing that is said of these may change.
OTHER, NAMESAKE = "apraskovia@old-firm.example", "namesake@chai-lavka.example"
THEM = Needles(NOW, BEFORE, BEFORE_STORED, FIRST, NAME, NAME_BEFORE, but=[OTHER])
LIST = "/admin/mailing/client/"


def card(email: str, name: str, comment: str = "") -> dict[str, str]:
    return {"email": email, "full_name": name, "greeting": "", "comment": comment}


def file(name: str, *rows: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(("email;ФИО", *rows)).encode(), "text/csv")


class World:
    """What happens to one person in the course of a year, done by whatever does it in the product."""

    def __init__(self, boss: User, carrier: MemoryTransport) -> None:
        self.boss, self.carrier = boss, carrier
        self.browser = Browser()
        self.browser.force_login(boss)
        self.mailing: Mailing = MailingFactory(name="News")
        ClientFactory(email=OTHER, full_name="Апраскова", comment=f"writes for {FIRST}, not {OTHER}")
        ClientFactory(email=NAMESAKE, full_name=NAME, comment="Прасковья")

    def happen(self) -> None:
        self.imported()
        self.written_to(FIRST)
        self.moves(BEFORE, NAME_BEFORE)
        self.written_to(BEFORE_STORED)
        self.moves(NOW, NAME)
        self.written_to(NOW)
        self.stopped()
        self.quoted_by_a_server_in_trouble()
        self.fails_a_task()
        self.stands_in_files()
        self.stands_in_a_session()
        self.searched_for()

    def imported(self) -> None:
        upload = imports.receive(
            file(f"{NAME}.csv", f"{FIRST};{NAME_BEFORE}", f"{OTHER};"), by=self.boss, mailing=self.mailing
        )
        imports.check(upload)
        imports.load(upload, by=self.boss)
        self.pk = Client.objects.get(email=FIRST).pk

    def moves(self, email: str, name: str) -> None:
        assert self.browser.post(f"{LIST}{self.pk}/change/", card(email, name)).status_code == 302

    def written_to(self, email: str) -> None:
        """Refused by a server that quotes the address; so is a letter to somebody else, in words about them."""
        words = f"5.7.1 <{email.upper()}>: {NAME} is unknown, rfc822;{email.replace('+', '+2B')}"
        quoting = f"5.7.1 <{OTHER}>: forwarded to <{email}>"
        self.carrier.answers[email] = _one(Phase.RCPT, 550, words)
        self.carrier.answers[OTHER] = _one(Phase.RCPT, 550, quoting)
        attempt = runs.start(self.mailing, occurrence=None, trigger="manual")
        runs.run_slice(attempt.pk, stop=lambda: False)
        attempt.refresh_from_db()
        assert attempt.failed == 2

    def stopped(self) -> None:
        suppression.suppress(NOW, SuppressionReason.MANUAL, note=f"{NAME} rang from {FIRST}", by=self.boss)
        sheet = reading.read(file(f"{FIRST}.csv", FIRST, BEFORE, "gone@chai-lavka.example").read())
        bulk_suppression.add_file(sheet, by=self.boss, note=f"{FIRST}.csv")
        token = links.unsubscribe_url(NOW).rstrip("/").rsplit("/", 1)[-1]
        Browser().post(f"/u/{token}/", {"List-Unsubscribe": "One-Click"})

    def quoted_by_a_server_in_trouble(self) -> None:
        other = MailingFactory(name="Trouble", clients=[Client.objects.get(email=NAMESAKE)])
        self.carrier.greetings.append((Phase.AUTH, Reply(535, "5.7.8", f"5.7.8 last seen {NOW}")))
        attempt = runs.start(other, occurrence=None, trigger="manual")
        runs.run_slice(attempt.pk, stop=lambda: False)
        # What other troubles keep of a server's words.
        Attempt.objects.filter(pk=attempt.pk).update(note_params={"words": f"<{NOW}> what?"}, response=f"<{NOW}>")
        MailService.objects.update_or_create(pk=1, defaults={"response": f"421 <{NOW}>"})

    def fails_a_task(self) -> None:
        for number, quoted in enumerate((NOW, OTHER)):
            Failure.objects.create(
                id=str(number) * 32,
                name="alpha",
                func="mailing.tasks.load_clients",
                started=timezone.now(),
                stopped=timezone.now(),
                success=False,
                result=f"IntegrityError: Key (email)=({quoted}) already exists.",
            )

    def stands_in_files(self) -> None:
        bad = imports.receive(file("bad.csv", f"{NOW};{NAME}", f"{NOW};", "nonsense"), by=self.boss)
        imports.check(bad)
        imports.load(bad, by=self.boss)
        imports.check(imports.receive(file("waiting.csv", f"{NOW};{NAME}"), by=self.boss))
        box = Maildir(demo.mailbox_directory() / "letters")
        for email in (NOW, OTHER):
            box.add(f"To: {email}\r\nDelivered-To: {email}\r\nSubject: Tea\r\n\r\nHello\r\n".encode())

    def stands_in_a_session(self) -> None:
        session = self.browser.session
        session["_messages"] = f'[["__json_message", 0, 25, "The client {NAME} <{NOW}> was changed"]]'
        session.save()

    def searched_for(self) -> None:
        address = f"/admin/login/?next={quote(f'{LIST}?q={quote(NOW)}')}"
        Browser().post(address, {"username": "boss", "password": "wrong"}, REMOTE_ADDR="203.0.113.9")
        self.browser.post(LIST, {"action": "stop_letters", "_selected_action": [self.pk], "apply": "1"})


def _one(phase: Phase, code: int, words: str):  # type: ignore[no-untyped-def]
    from collections import deque

    return deque([(phase, Reply(code, words.split(maxsplit=1)[0], words))])


@pytest.fixture
def world(superuser: User, carrier: MemoryTransport, settings: LazySettings, tmp_path: Path) -> World:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path
    settings.AXES_ENABLED = True
    (tmp_path / "mailbox").mkdir()
    world = World(superuser, carrier)
    world.happen()
    return world


KEPT = {("mailing_suppression", "email")}  # by contract: so that nobody writes to them by mistake
EXPECTED = {
    *("django_admin_log.change_message", "django_admin_log.object_repr"),
    *("django_q_task.result", "mailing_attempt.note_params", "mailing_attempt.reasons", "mailing_attempt.response"),
    *("mailing_client.comment", "mailing_client.email", "mailing_client.former_emails", "mailing_client.full_name"),
    *("mailing_client.search_text", "mailing_client.source", "mailing_clientimportpiece.data"),
    *("mailing_clientimport.file_name", "mailing_clientimport.problems", "mailing_delivery.email"),
    *("mailing_delivery.response", "mailing_mailservice.response", "mailing_suppression.email"),
    *("mailing_suppression.manual_note", "mailing_suppression.note"),
}


def test_whoever_is_forgotten_is_found_in_no_column_and_in_no_file(world: World, tmp_path: Path) -> None:
    assert EXPECTED - set(places(THEM)) == set(), "the person is not put where the product puts people"
    assert files(THEM, tmp_path)
    others = said_of_others()

    assert world.browser.post(f"{LIST}{world.pk}/forget/").status_code == 302

    assert without_the_namesake(places(THEM, kept=KEPT)) == {}
    assert files(THEM, tmp_path) == []
    assert set(Suppression.objects.filter(email__startswith="praskovia").values_list("note", "manual_note")) <= {
        ("", None),
        ("", ""),
    }
    assert said_of_others() == others


def without_the_namesake(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Who has the same name keeps it, on their card and in their journal."""
    theirs = {NAME, f"{NAME} <{NAMESAKE}>", f"{NAME} {NAMESAKE} Прасковья".casefold().replace("ё", "е")}
    kept = {place: [text for text in texts if text not in theirs] for place, texts in found.items()}
    return {place: texts for place, texts in kept.items() if texts}


def said_of_others() -> tuple[object, ...]:
    return (
        list(Client.objects.filter(email__in=[OTHER, NAMESAKE]).order_by("pk").values_list("email", "full_name")),
        list(Delivery.objects.filter(email=OTHER).values_list("status", "code")),
        Failure.objects.filter(result__isnull=False, id="1" * 32).exists(),
        len(list(Maildir(demo.mailbox_directory() / "letters").keys())) >= 1,
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's files are its server's: see VACUUM there")
def test_not_even_the_file_of_the_database_tells_of_them(world: World) -> None:
    folder = Path(connection.settings_dict["NAME"]).parent
    assert files(Needles(NOW, FIRST, but=[OTHER]), folder)

    world.browser.post(f"{LIST}{world.pk}/forget/")

    Suppression.objects.all().delete()  # the contract's exception would be found
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert files(Needles(NOW, FIRST, NAME_BEFORE, but=[OTHER]), folder) == []
