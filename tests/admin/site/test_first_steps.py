"""The way to the first letter: each sees the steps they may take, and what is done is seen from the rows."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from django.utils import timezone

from mailing.admin.site.first_steps import Shown
from mailing.choices import AttemptStatus
from mailing.models import TrialLetter
from mailing.replies import Outcome, Phase, Trouble, Verdict
from mailing.services.runs import trial_letters
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db

LOAD, WRITE, TEST, CREATE = "Load your clients", "Write a message", "Send it to yourself", "Create a mailing"


def member(group: str) -> tuple[User, Browser]:
    user = UserFactory(username=group.lower(), email="me@mail.example", is_superuser=group == "superuser")
    user.groups.set(Group.objects.filter(name=group))
    browser = Browser()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user, browser


def shown(browser: Browser) -> dict[str, bool]:
    """The steps on the first page, and whether each is ticked."""
    context = browser.get("/admin/").context
    return {step.title: step.done for step in context["first_steps"].steps} if context["shows_steps"] else {}


def following(browser: Browser) -> str:
    steps: Shown = browser.get("/admin/").context["first_steps"]
    assert steps.next is not None
    return steps.next.title


def tried(user: User, outcome: Outcome) -> None:
    row = TrialLetter.objects.create(sent_by=user, sent_at=timezone.now())
    trial_letters._note([row], [outcome])


def test_what_is_done_is_ticked_and_the_next_step_is_the_first_that_is_not() -> None:
    user, browser = member("Manager")
    assert shown(browser) == dict.fromkeys((LOAD, WRITE, TEST, CREATE), False)
    assert following(browser) == LOAD
    ClientFactory()
    assert following(browser) == WRITE
    message = MessageFactory()
    assert following(browser) == TEST
    assert f"/admin/mailing/message/{message.pk}/test/" in browser.get("/admin/").content.decode()
    tried(user, Outcome(Verdict.SENT, code=250, phase=Phase.DOT))
    assert following(browser) == CREATE
    mailing = MailingFactory()
    assert shown(browser) == {}
    AttemptFactory(mailing=mailing, status=AttemptStatus.SUCCEEDED, audience=1, sent=1)
    assert browser.get("/admin/").context["first_steps"] is None


@pytest.mark.parametrize(
    ("group", "steps"),
    [
        ("superuser", [LOAD, WRITE, TEST, CREATE]),
        ("Manager", [LOAD, WRITE, TEST, CREATE]),
        ("Editor", [LOAD, WRITE, TEST, CREATE]),
        ("Viewer", []),
    ],
)
def test_each_sees_the_steps_they_may_take_and_each_of_them_opens(group: str, steps: list[str]) -> None:
    _user, browser = member(group)
    assert list(shown(browser)) == steps
    MessageFactory()
    found = browser.get("/admin/").context["first_steps"]
    for step in found.steps if found else ():
        for url in filter(None, (step.url, step.also and step.also[1])):
            assert browser.get(url).status_code == 200


def test_who_may_only_add_clients_does_so_one_by_one() -> None:
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name="Editor"))
    Group.objects.get(name="Editor").permissions.filter(codename="import_client").delete()
    browser = Browser()
    browser.force_login(user)
    step = browser.get("/admin/").context["first_steps"].steps[0]
    assert (step.url, step.also) == ("/admin/mailing/client/add/", None)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(Verdict.SERVICE, phase=Phase.CONNECT, trouble=Trouble.LOST), "The mail server does not answer."),
        (Outcome(Verdict.FAILED, code=550, phase=Phase.RCPT), "refused by the server"),
        (Outcome(Verdict.CONFIGURATION, code=535, phase=Phase.AUTH), "mail settings refused"),
        (Outcome(Verdict.UNCONFIRMED, phase=Phase.DOT, trouble=Trouble.LOST), "Whether the server took the letter"),
    ],
)
def test_a_test_that_failed_is_not_ticked_and_the_step_says_what_happened(outcome: Outcome, words: str) -> None:
    user, browser = member("Editor")
    MessageFactory()
    tried(user, outcome)
    assert shown(browser)[TEST] is False
    assert words in browser.get("/admin/").content.decode()


def test_somebody_elses_test_is_not_mine() -> None:
    other, _browser = member("Manager")
    _user, browser = member("Editor")
    tried(other, Outcome(Verdict.SENT, code=250, phase=Phase.DOT))
    assert shown(browser)[TEST] is False


def test_of_several_letters_at_once_one_that_was_taken_is_enough() -> None:
    user, browser = member("Editor")
    rows = [TrialLetter(sent_by=user, sent_at=timezone.now())] * 2
    rows = TrialLetter.objects.bulk_create(TrialLetter(sent_by=user, sent_at=rows[0].sent_at) for _ in range(2))
    outcomes = [Outcome(Verdict.SENT, code=250, phase=Phase.DOT), Outcome(Verdict.FAILED, code=550, phase=Phase.RCPT)]
    trial_letters._note(rows, outcomes)
    assert shown(browser)[TEST] is True


@pytest.mark.parametrize(
    ("group", "words"), [("superuser", "give EMAIL_HOST"), ("Manager", "ask the administrator to do that first")]
)
def test_where_no_mail_server_is_set_the_step_says_what_to_do(settings: LazySettings, group: str, words: str) -> None:
    settings.PASSWORD_BY_LETTER = False
    _user, browser = member(group)
    assert words in browser.get("/admin/").content.decode()


def test_they_are_put_away_and_brought_back() -> None:
    _user, browser = member("Manager")
    browser.post("/admin/first-steps/")
    page = browser.get("/admin/")
    assert not page.context["shows_steps"]
    assert "First steps" in page.content.decode()
    browser.post("/admin/first-steps/", {"show": "1"})
    assert browser.get("/admin/").context["shows_steps"]
    assert browser.get("/admin/first-steps/").status_code == 405
