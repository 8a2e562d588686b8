"""A page that broke: who is told, how often, and that nothing is quoted."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from backoffice import mistakes
from mailing.admin.clients.screen import ClientAdmin
from mailing.models import MailService

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sunflower7291"


@pytest.fixture(autouse=True)
def own_folder(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def broken(words: str = SECRET) -> Exception:
    try:
        raise ValueError(words)
    except ValueError as error:
        return error


def broken_elsewhere(depth: int = 0) -> Exception:
    """A mistake of another kind for each depth."""
    error = type(f"Broken{depth}", (Exception,), {})()
    try:
        raise error
    except Exception as raised:
        return raised


def request(user: Any) -> HttpRequest:
    asked = RequestFactory().post("/admin/anna@example.com/", {"password": SECRET}, headers={"cookie": f"s={SECRET}"})
    asked.user = user
    return asked


def tell(user: Any, error: Exception) -> None:
    thread = mistakes.tell(request(user), error, "3F2A")
    if thread is not None:
        thread.join(10)


def test_admins_hear_of_a_mistake_once_a_day_and_of_nothing_that_was_typed(
    superuser: User, settings: LazySettings
) -> None:
    settings.ADMINS = [("Anna", "anna@example.com"), ("Boris", "boris@example.com")]
    for _ in range(5):
        tell(superuser, broken())
    (letter,) = mail.outbox
    assert letter.to == ["anna@example.com", "boris@example.com"]
    assert "3F2A" in letter.body
    assert "tests/views/test_mistakes.py:" in letter.body
    assert SECRET not in letter.message().as_string()
    assert "anna@" not in letter.body


def test_no_more_than_ten_a_day_whatever_breaks(superuser: User) -> None:
    for number in range(30):
        tell(superuser, broken_elsewhere(number))
    assert len(mail.outbox) == mistakes.A_DAY


def test_what_was_told_yesterday_is_told_again(superuser: User, tmp_path: Path) -> None:
    tell(superuser, broken())
    (mark,) = (tmp_path / "told").iterdir()
    mark.rename(mark.with_name("2001-01-01-x"))
    tell(superuser, broken())
    assert len(mail.outbox) == 2
    assert len(list((tmp_path / "told").iterdir())) == 1


def test_where_nothing_can_be_counted_nothing_is_sent(superuser: User, tmp_path: Path) -> None:
    (tmp_path / "told").write_text("in the way")
    tell(superuser, broken())
    assert mail.outbox == []


def test_strangers_and_databases_that_are_away_write_to_nobody(superuser: User) -> None:
    tell(AnonymousUser(), broken())
    tell(superuser, OperationalError("server closed the connection"))
    assert mail.outbox == []


def test_a_copy_writes_to_nobody(superuser: User) -> None:
    """Rule 13 of a run."""
    MailService.objects.update_or_create(pk=1, defaults={"site_url": "https://letters.example.com"})
    tell(superuser, broken())
    assert mail.outbox == []


def test_a_page_that_breaks_for_staff_is_told_and_logged_once(
    client: Browser, superuser: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*args: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(ClientAdmin, "get_changelist_instance", breaks)
    client.raise_request_exception = False
    client.force_login(superuser, "django.contrib.auth.backends.ModelBackend")
    told: list[Any] = []
    monkeypatch.setattr(mistakes, "_send", lambda *args: told.append(args))
    answer = client.get("/admin/mailing/client/")
    assert answer.status_code == 500
    assert len(told) == 1
    (ours,) = [record for record in caplog.records if record.name == "backoffice.views"]
    assert told[0][2] in ours.getMessage()
    assert told[0][2] in answer.content.decode()


def test_no_logger_mails(settings: LazySettings) -> None:
    """Django's own configuration, which ours replaces, mails each answer from 500 on."""
    loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    assert handlers
    assert not [handler for handler in handlers if isinstance(handler, AdminEmailHandler)]


def test_a_report_of_django_quotes_no_secret(settings: LazySettings) -> None:
    settings.REDIS_URL = f"redis://:{SECRET}@host/0"
    settings.Q_CLUSTER = {"redis": settings.REDIS_URL}
    settings.SOME_URL, settings.EMAIL_HOST_USER = settings.REDIS_URL, SECRET
    error = broken("no words")
    reporter = ExceptionReporter(request(AnonymousUser()), type(error), error, error.__traceback__, is_email=True)
    assert SECRET not in reporter.get_traceback_text()
    assert SECRET not in reporter.get_traceback_html()
