"""Messages: the list, the checks on save, the preview, who may change what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing import confined
from mailing.choices import AttemptStatus, MailingStatus
from mailing.models import Message, PreparedBody
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory, UserFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db

LIST = "/admin/mailing/message/"
PREVIEW = f"{LIST}preview/"


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


@pytest.fixture
def editor(db: None) -> Browser:
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Editor"))
    browser = Browser()
    browser.force_login(user)
    return browser


def save(browser: Browser, message: Message | None = None, **changes: Any) -> Any:
    url = f"{LIST}{message.pk}/change/" if message else f"{LIST}add/"
    return browser.post(url, filled(browser.get(url).content.decode(), "message_form", **changes), follow=True)


# --- list ---------------------------------------------------------------------------------------------


def test_the_list_shows_the_first_words_and_the_use(staff: Browser) -> None:
    message = MessageFactory(subject="Tea", body="<style>p{}</style><p>Good <b>morning</b></p>", is_html=True)
    MailingFactory.create_batch(2, message=message)

    page = staff.get(LIST).content.decode()

    assert "Good morning" in page
    assert "p{}" not in page
    assert f'href="/admin/mailing/mailing/?message={message.pk}">2</a>' in page


@pytest.mark.parametrize(("query", "found"), [("used=yes", "Used"), ("used=no", "Free"), ("q=morning", "Free")])
def test_each_filter_finds_its_messages(staff: Browser, query: str, found: str) -> None:
    MailingFactory(message=MessageFactory(subject="Used"))
    MessageFactory(subject="Free", body="morning")

    assert [row.subject for row in staff.get(f"{LIST}?{query}").context["cl"].result_list] == [found]


def test_a_list_of_a_hundred_costs_no_more_queries_than_one_of_ten(staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(f"{LIST}?all=").status_code == 200
        return len(queries)

    MailingFactory.create_batch(10)
    staff.get(LIST)
    few = count()
    MailingFactory.create_batch(90)

    assert count() == few


def test_copying_makes_a_message_of_its_own(staff: Browser) -> None:
    message = MessageFactory(subject="Tea", is_html=True)

    by_action = {"action": "copy", "_selected_action": [message.pk]}
    staff.post(LIST, by_action)
    page = staff.post(f"{LIST}{message.pk}/copy/", follow=True)

    assert Message.objects.filter(subject="Tea (copy)", is_html=True).count() == 2
    assert page.status_code == 200


def test_a_message_in_use_is_not_deleted_and_the_mailings_are_named(staff: Browser) -> None:
    message = MessageFactory()
    MailingFactory(message=message, name="Weekly news")

    for page in (
        staff.post(f"{LIST}{message.pk}/delete/", {"post": "yes"}),
        staff.post(LIST, {"action": "delete_selected", "_selected_action": [message.pk], "post": "yes"}),
    ):
        assert "Weekly news" in page.content.decode()
    assert Message.objects.filter(pk=message.pk).exists()


@pytest.mark.parametrize("body", ["words " + "<a " * 1300, "words " + "<!--" * 900, "words" + "<" * 3900, "words <p"])
def test_no_letter_breaks_the_list(staff: Browser, body: str) -> None:
    MessageFactory(subject="Tea & cake", body=body, is_html=True)

    page = staff.get(LIST)

    assert page.status_code == 200
    assert "words" in page.content.decode()


def test_a_deletion_says_nothing_of_what_only_we_keep(staff: Browser) -> None:
    save(staff, subject="Hi", body="<p>Hello</p>", is_html="on")
    message = Message.objects.get()

    assert "prepared" not in staff.get(f"{LIST}{message.pk}/delete/").content.decode().lower()

    staff.post(f"{LIST}{message.pk}/delete/", {"post": "yes"})
    assert not PreparedBody.objects.exists()


# --- checks on save -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"body": "Hello {{ greting }}"},
            "Did you mean {{ greeting }} (how the client is addressed)?",
        ),
        ({"subject": "{% if %}"}, "tags are not supported"),
        ({"body": "<script>x</script>", "is_html": "on"}, "Scripts (&lt;script&gt;) are not allowed"),
        ({"body": "<form></form>text", "is_html": "on"}, "Forms (&lt;form&gt;) are not allowed"),
        ({"body": ""}, "This field is required."),
        ({"body": "<p> </p>", "is_html": "on"}, "The letter is empty."),
    ],
)
def test_errors_forbid_the_save_in_words(staff: Browser, fields: dict[str, str], sentence: str) -> None:
    page = save(staff, **({"subject": "Hi", "body": "Hello"} | fields))

    assert sentence in page.content.decode()
    assert not Message.objects.exists()


# Each ended the web worker, or held it for seconds.
DEADLY = {
    "nested, by a guard that counted tags": "<svg><style>" + ("<g>" * 3900 + "<!--" + "</g>" * 3900 + "-->") * 5,
    "nested across a div": ("<x>" * 3900 + "<div>" + "</x>" * 3900) * 5,
    "closed in vain": "<b>" * 20_000 + "</i>" * 100_000,
}


@pytest.mark.parametrize("name", DEADLY)
def test_a_letter_that_would_end_the_worker_is_refused_in_words(staff: Browser, name: str) -> None:
    unsaved = {"subject": "Hi", "body": f"{{{{ unsubscribe_url }}}} {DEADLY[name]}", "is_html": "on"}

    seen, page = staff.post(PREVIEW, unsaved), save(staff, **unsaved)

    for answer in (seen, page):
        assert "nested deeper than 200 elements" in answer.content.decode()
    assert DEADLY[name] in page.context["adminform"].form["body"].value()
    assert not Message.objects.exists()


def test_a_letter_longer_than_any_is_refused_in_words(staff: Browser) -> None:
    unsaved = {"subject": "Hi", "body": "x" * 600_000, "is_html": "on"}

    assert "longer than 500 KB" in staff.post(PREVIEW, unsaved).content.decode()
    assert "longer than 500 KB" in save(staff, **unsaved).content.decode()
    assert not Message.objects.exists()


def test_a_save_asks_a_child_once_and_looking_at_the_letter_afterwards_asks_none(
    staff: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = Mock(side_effect=confined.call)
    monkeypatch.setattr(confined, "call", children)

    save(staff, subject="Hi", body="<p>Hello</p>", is_html="on")
    frame = staff.get(f"{LIST}{Message.objects.get().pk}/letter/").content.decode()

    assert "<p>Hello</p>" in frame
    assert children.call_count == 1


def test_warnings_are_said_and_the_message_is_saved(staff: Browser) -> None:
    page = save(staff, subject="BUY NOW", body='<img src="http://a.b/c.png"> Hello', is_html="on")

    words = " ".join(str(message) for message in page.context["messages"])
    assert "The subject is all capitals" in words
    assert "http://" in words
    assert Message.objects.get().is_html


def test_plain_text_is_saved_as_it_is_and_stays_plain(staff: Browser) -> None:
    save(staff, subject="Hi", body="Hello {{ greeting }}")

    message = Message.objects.get()
    assert (message.body, message.is_html) == ("Hello {{ greeting }}", False)
    save(staff, message, subject="Ho")
    message.refresh_from_db()
    assert (message.subject, message.is_html) == ("Ho", False)


# --- preview ----------------------------------------------------------------------------------------------


def test_the_preview_fills_in_escapes_and_stands_under_its_own_policy(staff: Browser) -> None:
    client = ClientFactory(full_name="<b>Анна</b>")
    unsaved = {"subject": "{{ full_name }}", "body": "<h1>{{ full_name }}</h1>", "is_html": "on", "sample": client.pk}

    page = staff.post(PREVIEW, unsaved)

    assert "<h1>&lt;b&gt;Анна&lt;/b&gt;</h1>" in page.content.decode()
    assert "<b>Анна" not in page.content.decode()
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert page["X-Frame-Options"] == "SAMEORIGIN"
    assert not Message.objects.exists()


def test_the_preview_shows_the_text_version(staff: Browser) -> None:
    unsaved = {"subject": "Hi", "body": "<p>One</p><p>Two</p>", "is_html": "on", "shown": "text"}

    page = staff.post(PREVIEW, unsaved).content.decode()

    assert "<pre" in page
    assert "<p>One" not in page


def test_the_preview_says_what_is_wrong_instead(staff: Browser) -> None:
    page = staff.post(PREVIEW, {"subject": "Hi", "body": "{{ nmae }}"})

    assert page.status_code == 200
    assert "There is no field “nmae”" in page.content.decode()
    assert "sandbox" in page["Content-Security-Policy"]


def test_the_preview_is_no_page_to_visit(staff: Browser) -> None:
    assert staff.get(PREVIEW).status_code == 405


def test_the_page_has_a_sandboxed_frame_and_a_button_that_works_without_scripts(staff: Browser) -> None:
    message = MessageFactory()

    page = staff.get(f"{LIST}{message.pk}/change/").content.decode()

    assert f'sandbox referrerpolicy="no-referrer" src="{LIST}{message.pk}/letter/"' in page
    assert f'formaction="{PREVIEW}" formtarget="preview" formnovalidate' in page
    assert "{{ unsubscribe_url }}" in page


def test_the_list_shows_the_beginning_of_a_letter_as_the_preview_fills_it_in(staff: Browser) -> None:
    MessageFactory(body='Dear {{ greeting|default:"friend" }}, the tea is ready')

    page = staff.get(LIST).content.decode()

    assert "Dear Anna, the tea is ready" in page
    assert "{{" not in page


def test_whoever_only_looks_switches_between_html_and_text(client: Browser) -> None:
    viewer = UserFactory()
    viewer.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(viewer)
    html = MessageFactory(is_html=True, body="<p>Hello {{ greeting }}</p>", text_body="Hello, in short")
    plain = MessageFactory(body="Hello")

    page = client.get(f"{LIST}{html.pk}/change/").content.decode()

    letter = f"{LIST}{html.pk}/letter/"
    assert 'href="?shown=html#preview" aria-current="page"' in page
    assert f'src="{letter}"' in page
    as_text = client.get(f"{LIST}{html.pk}/change/?shown=text").content.decode()
    assert 'href="?shown=text#preview" aria-current="page"' in as_text
    assert as_text.count("aria-current") == page.count("aria-current")
    assert f'src="{letter}?shown=text"' in as_text
    assert "data-preview" not in page, "there is no unsaved form to show"
    assert "<p>Hello Anna</p>" in client.get(letter).content.decode()
    assert "Hello, in short" in client.get(f"{letter}?shown=text").content.decode()
    assert "shown=text" not in client.get(f"{LIST}{plain.pk}/change/").content.decode()


# --- who may -----------------------------------------------------------------------------------------------


def test_an_editor_changes_drafts_but_not_what_a_mailing_sends(editor: Browser) -> None:
    free, sent = MessageFactory(subject="Free"), MessageFactory(subject="Sent")
    MailingFactory(message=free, is_paused=True)
    MailingFactory(message=sent)

    save(editor, free, subject="Changed")
    page = editor.get(f"{LIST}{sent.pk}/change/").content.decode()
    answer = editor.post(f"{LIST}{sent.pk}/change/", {"subject": "Changed", "body": "x"})

    free.refresh_from_db()
    assert free.subject == "Changed"
    assert "only a Manager may change it" in page
    assert answer.status_code == 403


def test_a_message_that_is_being_sent_says_that_changes_come_later(staff: Browser) -> None:
    mailing = MailingFactory(status=MailingStatus.RUNNING)
    AttemptFactory(mailing=mailing, status=AttemptStatus.RUNNING, started_at=timezone.now() - timedelta(minutes=1))

    page = staff.get(f"{LIST}{mailing.message_id}/change/").content.decode()

    assert "changes reach only the next sends" in page


def test_saving_leaves_an_entry_in_the_log(staff: Browser) -> None:
    save(staff, subject="Hi", body="Hello")

    assert LogEntry.objects.get().object_repr == "Hi"


BREAKS = ("\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_a_subject_of_two_lines_is_refused_in_words_and_nothing_is_lost(staff: Browser, line_break: str) -> None:
    page = save(staff, subject=f"Hello{line_break}Bcc: all@example.com", body="The text").content.decode()
    assert "The subject has a line break. Write it on one line." in page
    assert "The text" in page
    assert not Message.objects.exists()
    with pytest.raises(ValidationError, match="line break"):
        Message(subject=f"Hello{line_break}you", body="The text").full_clean()


def test_a_line_break_around_a_subject_is_none_of_it(staff: Browser) -> None:
    save(staff, subject=" Hello\r\n", body="The text")
    assert Message.objects.get().subject == "Hello"
