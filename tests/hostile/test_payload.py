"""The payload in every stored field of every model: no page, list, file or answer lets it out of its text."""

from __future__ import annotations

import json
from mailbox import Maildir
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils.html import escape

from mailing import demo
from mailing.models import Attempt, Client, Heartbeat, Message
from tests.conftest import Told
from tests.doors.table import DOORS, Door
from tests.doors.world import World
from tests.hostile import payload
from tests.hostile.payload import MARK, PAYLOAD

PAGES = [door for door in DOORS if door.method == "GET" and "S" in door.may]
# A letter is shown as it is written, in a frame of its own that can do nothing.
FRAMES = {"mailing_message_letter", "mailing_message_preview", "mailing_attempt_letter", "mailing_mailbox_html"}
ERRORS = ("/admin/", "/u/", "/admin/mailing/client/", "/admin/mailing/message/x/", "/admin/mailing/mailbox/")
SHOWN_NOWHERE = {
    "axes.AccessAttempt",  # what axes wrote until 0.1.0; no screen shows it any more
    "axes.AccessFailureLog",
    "axes.AccessLog",
    "axes.AccessAttemptExpiration",
    "mailing.GroupRule",  # no texts
    "mailing.RecoveryCode",  # digests
    "mailing.TrialLetter",  # no texts
    "mailing.UndoEntry",  # put back into the stop list, where it is shown
    "mailing.PreparedBody",  # made of a message when it is saved; shown as the message is
    "django_q.OrmQ",
    "django_q.Success",
    "mailing.StaffNotice",  # a letter to staff, made of what other rows say
}
GROUP = {"status": "failed", "reason": "refused", "code": 552, "count": 1, "response": "no", "examples": ["a@b.ru"]}


pytestmark = pytest.mark.once  # what is escaped, and what is not, no database decides


@pytest.fixture
def poisoned(world: World) -> World:
    world.upload_of("S")
    world.undo_of("S")
    Attempt.objects.update(reasons=[GROUP])
    headers = "".join(f"{name}: {PAYLOAD}\r\n" for name in ("Subject", "From", "To", "Message-ID"))
    letters = Maildir(demo.mailbox_directory() / "letters")
    world.ids["letter"] = letters.add(f"{headers}\r\n{PAYLOAD}\r\n".encode())
    Message.objects.filter(pk=world.ids["used"]).update(is_html=True)
    Heartbeat.objects.create(host="worker", pid=1)
    about = Client.objects.get(pk=world.ids["client"])
    log = {"content_type": ContentType.objects.get_for_model(about), "object_id": about.pk, "action_flag": CHANGE}
    LogEntry.objects.create(user=User.objects.get(username="boss"), object_repr="x", change_message="x", **log)
    for model in payload.models():
        payload.poison(model)
    return world


class Looked:
    """Where the payload was seen, and where it got out."""

    def __init__(self) -> None:
        self.seen, self.out = 0, list[str]()

    def at(self, label: str, answer: HttpResponse, *, is_frame: bool = False) -> None:
        if answer.status_code >= 500 and answer.status_code != 503:
            self.out.append(f"{label}: answered with {answer.status_code}")
        if answer.streaming or not answer.content:
            return
        text = answer.content.decode()
        self.seen += MARK in text
        kind = answer["Content-Type"]
        if is_frame:
            sandboxed = "sandbox" in answer.get("Content-Security-Policy", "")
            self.out += [] if sandboxed else [f"{label}: a letter without its sandbox"]
        elif kind.startswith("text/html"):
            self.out += [f"{label}: {what}" for what in payload.breaks_out(text)]
        elif kind.startswith("application/json"):
            json.loads(text)
        elif answer.get("X-Content-Type-Options") != "nosniff":
            self.out.append(f"{label}: {kind} that a browser may take for a page")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_no_page_lets_a_stored_text_out(poisoned: World, told: Told, language: str) -> None:
    browser, looked = reader(poisoned, language), Looked()
    for door in PAGES:
        answer = browser.get(door.address(poisoned.ids), door.sent(poisoned.ids))
        looked.at(str(door), answer, is_frame=door.name.split(":")[-1] in FRAMES)
        if door.name.endswith("_changelist"):
            searched = browser.get(door.address(poisoned.ids), {"q": MARK}, follow=True)
            looked.at(f"{door} searched", searched)
            unknown = browser.get(door.address(poisoned.ids), {PAYLOAD: PAYLOAD}, follow=True)
            looked.at(f"{door} with an unknown parameter", unknown)
    for address in ERRORS:
        looked.at(f"error page of {address}", browser.get(f"{address}{quote(PAYLOAD, safe='')}", follow=True))
    closed(looked, told, f"pages in {language}", 60)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_no_question_and_no_answer_lets_a_stored_text_out(poisoned: World, told: Told, language: str) -> None:
    """What is posted, and every question before it: without the fields that say yes."""
    browser, looked = reader(poisoned, language), Looked()
    for door in (door for door in DOORS if door.method == "POST" and "S" in door.may):
        for values in (door.sent(poisoned.ids), asking(door, poisoned), spoilt(door, poisoned)):
            looked.at(str(door), post(browser, door.address(poisoned.ids), values), is_frame="preview" in door.name)
    closed(looked, told, f"answers in {language}", 30)


def reader(world: World, language: str) -> Browser:
    browser = world.browser("S")
    browser.raise_request_exception = False
    browser.cookies["django_language"] = language
    return browser


def asking(door: Door, world: World) -> dict[str, Any]:
    return {name: value for name, value in door.sent(world.ids).items() if name not in {"apply", "post"}}


def spoilt(door: Door, world: World) -> dict[str, Any]:
    """The payload in each field, but for those that say what is asked for."""
    kept = {"action", "_selected_action", "post", "apply"}
    values = {name: value if name in kept else PAYLOAD for name, value in door.sent(world.ids).items()}
    if "import_file" in values:
        table = f"email;ФИО;{PAYLOAD}\n{PAYLOAD};{PAYLOAD};x\nnew@mail.example;{PAYLOAD};\n"
        values["import_file"] = SimpleUploadedFile(f"{MARK}.csv", table.encode(), "text/csv")
    return values


def post(browser: Browser, address: str, values: dict[str, Any]) -> HttpResponse:
    """With the page it leads to; nothing is kept."""
    cookies = dict(browser.cookies.items())
    with transaction.atomic():
        answer = browser.post(address, values, follow=True)
        _ = b"" if answer.streaming else answer.content
        transaction.set_rollback(True)
    browser.cookies.clear()
    browser.cookies.update(cookies)
    return answer


def closed(looked: Looked, told: Told, what: str, least: int) -> None:
    told(f"payload: seen in {looked.seen} {what}")
    assert not looked.out, "\n".join(looked.out)
    assert looked.seen >= least, "the payload is hardly shown: the test would find nothing"


def test_every_model_has_a_row_with_the_payload(poisoned: World) -> None:
    empty = {model._meta.label for model in payload.models() if not model._base_manager.exists()}
    assert empty <= SHOWN_NOWHERE, "the world of the doors has no row of it, so its texts were on no page"


@pytest.mark.parametrize(
    "page",
    [
        f"<p>{PAYLOAD}</p>",
        f'<input value="{PAYLOAD}">',
        f"<textarea>{PAYLOAD}</textarea>",
        f'<script type="application/json">"{MARK}"</script>',
        '<a href="javascript:x()">x</a>',
        f'<p title="{payload.SHORT}">x</p>',
    ],
)
def test_a_page_that_lets_it_out_is_found(page: str) -> None:
    assert payload.breaks_out(page)
    assert not payload.breaks_out(f"<p>{escape(PAYLOAD)}</p>")
