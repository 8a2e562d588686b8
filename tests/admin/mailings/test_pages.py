"""The buttons and pages of a mailing: each asks where it should, acts once, and answers in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from django.utils import timezone

from mailing.choices import AttemptStatus, MailingStatus, Periodicity
from mailing.models import Attempt, Client, Delivery, Mailing, Message
from mailing.services.runs import trial_limit
from tests.admin.people import somebody
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, SuppressionFactory, UserFactory
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = pytest.mark.django_db(transaction=True)

DJANGO_SMTP = "django.core.mail.backends.smtp.EmailBackend"
STATE_CHANGING = ("pause", "resume", "copy")
TABS = ("letter", "recipients", "schedule", "runs")


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def in_group(name: str) -> Browser:
    user = UserFactory(email=f"{name}@example.com")
    user.groups.add(Group.objects.get(name=name))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def mailing(db: None) -> Mailing:
    start = timezone.now() - timedelta(days=1, minutes=5)
    mailing: Mailing = MailingFactory(
        name="News",
        clients=3,
        periodicity=Periodicity.DAILY,
        status=MailingStatus.RUNNING,
        start_at=start,
        active_since=timezone.now(),
        next_run_at=start + timedelta(days=2),
    )
    AttemptFactory(
        mailing=mailing, status=AttemptStatus.SUCCEEDED, started_at=start, occurrence=start, finished_at=start
    )
    return mailing


def url(mailing: Mailing, name: str) -> str:
    return f"/admin/mailing/mailing/{mailing.pk}/{name}/"


def said(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def latest(mailing: Mailing) -> Attempt:
    attempt = mailing.attempts.order_by("-pk").first()
    assert attempt is not None
    return attempt


# --- send now ----------------------------------------------------------------------------------------


def test_send_now_asks_with_numbers_and_sends_nothing_on_get(staff: Browser, mailing: Mailing) -> None:
    page = staff.get(url(mailing, "send")).content.decode()

    assert "Send 3 letters" in page
    assert "The planned send" in page
    assert f'name="seen" value="{latest(mailing).pk}"' in page
    assert mailing.attempts.count() == 1


def test_send_now_begins_one_run_and_leaves_the_plan_alone(staff: Browser, mailing: Mailing) -> None:
    page = staff.post(url(mailing, "send"), {"seen": latest(mailing).pk}, follow=True)

    attempt = latest(mailing)
    assert f"A run for 3 clients has begun: attempt {attempt.pk}." in said(page)
    assert (attempt.occurrence, attempt.audience, attempt.started_by.username) == (None, 3, "boss")
    assert Mailing.objects.get().next_run_at == mailing.next_run_at


def test_a_double_press_makes_one_attempt_and_is_answered(staff: Browser, mailing: Mailing) -> None:
    """Rule 7 of the calendar."""
    seen = {"seen": latest(mailing).pk}
    staff.post(url(mailing, "send"), seen)

    page = staff.post(url(mailing, "send"), seen, follow=True)

    assert mailing.attempts.count() == 2
    assert f"attempt {latest(mailing).pk}" in said(page)


def test_whoever_saw_the_last_attempt_may_send_once_more(staff: Browser, mailing: Mailing) -> None:
    staff.post(url(mailing, "send"), {"seen": latest(mailing).pk})
    Attempt.objects.running().update(status=AttemptStatus.SUCCEEDED, finished_at=timezone.now())

    staff.post(url(mailing, "send"), {"seen": latest(mailing).pk})

    assert mailing.attempts.count() == 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"is_paused": True}, "The mailing is paused. Resume it first."),
        ({"end_at": timezone.now() - timedelta(hours=1)}, "The mailing ended at"),
    ],
)
def test_send_now_refuses_with_the_reason(
    staff: Browser, mailing: Mailing, fields: dict[str, Any], sentence: str
) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(**fields)

    assert sentence in staff.get(url(mailing, "send")).content.decode()
    assert sentence in said(staff.post(url(mailing, "send"), {"seen": "0"}, follow=True))
    assert mailing.attempts.count() == 1


def test_nobody_to_send_to_is_said_before_and_after_the_press(staff: Browser, mailing: Mailing) -> None:
    mailing.clients.clear()

    page = staff.get(url(mailing, "send")).content.decode()

    assert "Nobody to send to: add recipients." in page
    assert 'name="seen"' not in page


PAGES = "/admin/mailing/"


@pytest.mark.parametrize(
    ("fields", "label", "address"),
    [
        ({"is_paused": True}, "Resume", "mailing/{pk}/resume/"),
        ({"end_at": timezone.now() - timedelta(hours=1)}, "Change the dates", "mailing/{pk}/schedule/#id_start_at_0"),
        (
            {"start_at": timezone.now() + timedelta(days=1)},
            "Change the dates",
            "mailing/{pk}/schedule/#id_start_at_0",
        ),
    ],
)
def test_a_refused_send_offers_the_step_out_of_it(
    staff: Browser, mailing: Mailing, fields: dict[str, Any], label: str, address: str
) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(**fields)

    response = staff.get(url(mailing, "send"))

    step = response.context["next_step"]
    assert (step.label, step.url) == (label, PAGES + address.format(pk=mailing.pk))
    assert step.url in response.content.decode()
    assert 'name="seen"' not in response.content.decode()


def test_a_run_somebody_works_on_is_opened_and_not_started_again(staff: Browser, mailing: Mailing) -> None:
    lease = timezone.now() + timedelta(minutes=1)
    attempt = AttemptFactory(mailing=mailing, audience=10, sent=4, lease_owner="worker", lease_until=lease)

    page = staff.get(url(mailing, "send")).content.decode()

    assert f"Attempt {attempt.pk} is not over: being sent, 4 of 10 letters are sent." in page
    assert f'href="{PAGES}attempt/{attempt.pk}/change/"' in page
    assert 'name="seen"' not in page


def test_a_run_that_waits_is_opened_or_goes_on_at_once(staff: Browser, mailing: Mailing) -> None:
    attempt = AttemptFactory(mailing=mailing, audience=10, sent=4, resume_at=timezone.now() + timedelta(hours=1))

    page = staff.get(url(mailing, "send")).content.decode()

    assert f'href="{PAGES}attempt/{attempt.pk}/change/"' in page
    assert "Go on at once" in page
    staff.post(url(mailing, "send"), {"seen": attempt.pk})
    attempt.refresh_from_db()
    assert (attempt.resume_at, mailing.attempts.count()) == (None, 2)


# --- pause, resume, finish, copy -----------------------------------------------------------------------


def test_pause_and_resume_do_not_ask_and_offer_the_way_back(staff: Browser, mailing: Mailing) -> None:
    page = staff.post(url(mailing, "pause"), follow=True)
    mailing.refresh_from_db()
    assert (mailing.is_paused, mailing.next_run_at) == (True, None)
    assert "/admin/undo/" in said(page)

    page = staff.post(url(mailing, "resume"), follow=True)
    mailing.refresh_from_db()
    assert mailing.is_paused is False
    assert "Resumed. The next send:" in said(page)
    assert url(mailing, "pause") in said(page)


def test_a_pause_in_mid_run_says_how_far_it_came(staff: Browser, mailing: Mailing) -> None:
    AttemptFactory(mailing=mailing, audience=10, sent=4)

    assert "Stopped after 4 of 10." in said(staff.post(url(mailing, "pause"), follow=True))


def test_finish_asks_then_ends_now(staff: Browser, mailing: Mailing) -> None:
    assert "Finish “News”?" in staff.get(url(mailing, "finish")).content.decode()

    staff.post(url(mailing, "finish"))

    mailing.refresh_from_db()
    assert mailing.status == MailingStatus.FINISHED


def test_a_copy_is_a_draft_and_opens(staff: Browser, mailing: Mailing) -> None:
    page = staff.post(url(mailing, "copy"), follow=True)

    copy = Mailing.objects.get(name="News (copy)")
    assert (copy.is_paused, copy.clients.count()) == (True, 3)
    assert page.redirect_chain[-1][0] == url(copy, "change")


@pytest.mark.parametrize("name", STATE_CHANGING)
def test_no_get_changes_a_state(staff: Browser, mailing: Mailing, name: str) -> None:
    before = list(Mailing.objects.values())

    assert staff.get(url(mailing, name)).status_code == (405 if name == "copy" else 200)  # the others ask
    assert list(Mailing.objects.values()) == before


def test_each_change_leaves_an_entry_in_the_log(staff: Browser, mailing: Mailing) -> None:
    for name in ("pause", "resume"):
        staff.post(url(mailing, name))
    staff.post(url(mailing, "send"), {"seen": latest(mailing).pk})

    words = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert words == ["Paused.", "Resumed.", f"Sent: attempt {latest(mailing).pk}."]


@pytest.mark.parametrize("name", ["send", "pause", "resume", "finish", "dry-run"])
def test_an_editor_gets_403_where_a_manager_acts(mailing: Mailing, name: str) -> None:
    assert in_group("Editor").post(url(mailing, name)).status_code == 403
    assert in_group("Manager").post(url(mailing, name)).status_code in {200, 302}


def test_an_unknown_mailing_is_not_found(staff: Browser) -> None:
    for name in ("send", "test", "live", *TABS):
        assert staff.get(f"/admin/mailing/mailing/999/{name}/").status_code == 404


# --- live ----------------------------------------------------------------------------------------------


def test_live_shows_numbers_until_the_run_is_over(staff: Browser, mailing: Mailing) -> None:
    attempt = AttemptFactory(mailing=mailing, audience=4, sent=1, failed=1)

    going = staff.get(url(mailing, "live"))
    assert "X-Live" not in going
    assert "2 of 4" in going.content.decode() or "1 of 4" in going.content.decode()

    Attempt.objects.filter(pk=attempt.pk).update(status=AttemptStatus.FAILED, finished_at=timezone.now())
    over = staff.get(url(mailing, "live"))
    assert over["X-Live"] == "done"
    assert "<html" not in over.content.decode()


# --- rehearsal and test letters -------------------------------------------------------------------------


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    settings.EMAIL_BACKEND = DJANGO_SMTP  # the test runner puts another one in its place
    with running(Fault("rcpt", "550 5.1.1 no such user", to="nobody")) as server:
        settings.EMAIL_PORT = server.port
        yield server


def test_a_rehearsal_proves_that_all_is_ready_and_sends_nothing(
    staff: Browser, mailing: Mailing, server: Server
) -> None:
    client: Client = mailing.clients.first()  # type: ignore[assignment]
    SuppressionFactory(email=client.email)

    page = staff.post(url(mailing, "dry-run")).content.decode()

    assert "All is ready: 2 letters can be sent." in page
    assert client.email in page
    assert server.accepted == []
    assert not Delivery.objects.exists()


def test_a_rehearsal_says_that_the_server_is_away(staff: Browser, mailing: Mailing, settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = DJANGO_SMTP

    page = staff.post(url(mailing, "dry-run")).content.decode()

    assert "It could not be sent now." in page
    assert "The mail server does not answer." in page
    assert "check the mail settings (127.0.0.1:" in page


def test_a_test_letter_shows_what_the_server_said_to_each_address(
    staff: Browser, mailing: Mailing, server: Server
) -> None:
    assert "boss@example.com" in staff.get(url(mailing, "test")).content.decode()

    page = staff.post(url(mailing, "test"), {"to": "anna@example.com, nobody@example.com"}).content.decode()

    assert "accepted by the server" in page
    assert "550 5.1.1 no such user" in page
    assert "The mailbox does not exist or takes no letters." in page
    assert server.recipients == {"anna@example.com": 1}
    assert not Delivery.objects.exists()


def test_a_test_letter_is_refused_where_nothing_may_be_sent(
    staff: Browser, mailing: Mailing, settings: LazySettings
) -> None:
    settings.MAILING_SENDING_ENABLED = False

    page = staff.post(url(mailing, "test"), {"to": "anna@example.com"})

    assert "Sending is switched off on this installation" in page.content.decode()


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("nobody", "“nobody” is not an e-mail address."),
        ("a@b.ru, c@b.ru, d@b.ru, e@b.ru", "Give at most three addresses."),
        ("", "This field is required."),
    ],
)
def test_a_wrong_address_of_a_test_is_said(staff: Browser, mailing: Mailing, to: str, sentence: str) -> None:
    assert sentence in staff.post(url(mailing, "test"), {"to": to}).content.decode()


def test_without_the_right_to_send_a_test_goes_to_colleagues_only(mailing: Mailing) -> None:
    editor = in_group("Editor")

    stranger = editor.post(url(mailing, "test"), {"to": "client@example.ru"}).content.decode()
    colleague = editor.post(url(mailing, "test"), {"to": "Editor@example.com"}).content.decode()

    assert "a test goes to colleagues only" in stranger
    assert "a test goes to colleagues only" not in colleague


def test_test_letters_of_messages_and_mailings_count_together_and_the_refusal_loses_nothing(
    mailing: Mailing, server: Server
) -> None:
    trial_limit.change(3, by=None)
    manager = in_group("Manager")
    message = f"/admin/mailing/message/{mailing.message.pk}/test/"

    assert manager.post(message, {"to": "a@example.com, b@example.com"}).status_code == 200
    answer = manager.post(url(mailing, "test"), {"to": "c@example.com, d@example.com"})

    page = answer.content.decode()
    assert answer.status_code == 429
    assert "You have sent 2 of the 3 test letters" in page
    assert "c@example.com, d@example.com" in page
    assert server.recipients == {"a@example.com": 1, "b@example.com": 1}
    assert manager.get("/admin/mailing/message/test-limit/").status_code == 403


def test_a_superuser_sets_how_many_test_letters_a_person_may_send(staff: Browser, mailing: Mailing) -> None:
    limit = "/admin/mailing/message/test-limit/"
    assert limit in staff.get(url(mailing, "test")).content.decode()
    for wrong, sentence in (("5000", "less than or equal to 1000"), ("9" * 5000, "Enter a whole number.")):
        assert sentence in staff.post(limit, {"limit": wrong}).content.decode()
    assert "Saved" in staff.post(limit, {"limit": "50"}, follow=True).content.decode()
    assert "may send 50 test letters" in staff.get(url(mailing, "test")).content.decode()


def test_nobody_reads_a_client_through_a_test_letter_who_may_not_look_at_clients(
    mailing: Mailing, server: Server
) -> None:
    client = ClientFactory(full_name="Secret Name", greeting="Secret", email="secret@example.ru")
    Message.objects.update(body="Dear {{ greeting }}, {{ full_name }}")
    writer = somebody("view_message", "change_message", "view_mailing", "change_mailing")
    me = User.objects.latest("pk")

    for door in (f"/admin/mailing/message/{mailing.message.pk}/test/", url(mailing, "test")):
        assert 'name="sample"' not in writer.get(door).content.decode()
        for to in (me.email, "nonsense"):
            assert "ecret" not in writer.post(door, {"to": to, "sample": client.pk}).content.decode()
    form = f"/admin/mailing/message/{mailing.message.pk}/change/"
    assert "ecret" not in writer.post(form, {"sample": client.pk}).content.decode()
    mailing.is_paused = True
    mailing.save()
    assert "ecret" not in writer.post(url(mailing, "change"), {"add_clients": client.pk}).content.decode()
    assert server.recipients == {me.email: 2}
    assert not any(b"ecret" in body for body in server.bodies)
