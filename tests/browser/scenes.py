"""Pages that only an act brings about: steps of the import, questions of actions, errors, what strangers see."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from functools import partial
from mailbox import Maildir
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from django.test import override_settings
from django.test.client import RequestFactory
from django.utils import timezone
from django.utils.translation import override
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_q.models import Failure, Schedule
from playwright.sync_api import Page as Tab

from backoffice.views import server_error
from mailing import demo, links
from mailing.choices import AccessKind, Audience
from mailing.demo.maildir import MAILDIR, StoredLetters
from mailing.models import AccessEvent, Client, Delivery, Mailing, Message, Suppression
from mailing.services.clients import suppression
from tests.browser.chromium import find_action

HALF_WRONG = (
    "\ufeffПочта;ФИО;Комментарий;Скидка\n"
    "{new}@mail.example;Новикова Нина;с выставки;5\n"
    "{known};Переименованный Клиент;просил звонить;7\n"
    "not-an-address;Ошибкин О. О.;;\n"
    "{new}@mail.example;Новикова Н.;;\n"
    ";Без Адреса;;\n"
)
LIST, IMPORT, STOP_FILE = (
    "/admin/mailing/client/",
    "/admin/mailing/client/import/",
    "/admin/mailing/suppression/file/",
)
CALENDAR, REPORT = "/admin/mailing/mailing/calendar/", "/admin/mailing/attempt/report/"


@dataclass
class Stage:
    tab: Tab
    base: str
    language: str

    def go(self, path: str) -> None:
        self.tab.goto(self.base + path, wait_until="networkidle")

    def show(self, html: bytes) -> None:
        """A page made without the server, as if the server had sent it."""
        self.tab.route("**/shown/", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
        self.go("/shown/")

    def click(self, selector: str) -> None:
        with self.tab.expect_navigation():
            self.tab.click(selector)
        self.tab.wait_for_load_state("networkidle")

    def act(self, action: str) -> None:
        """Chooses an action for the first three rows of the list of clients."""
        self.go(LIST)
        for box in self.tab.locator(".action-select").all()[:3]:
            box.check()
        button = find_action(self.tab, action)
        with self.tab.expect_navigation():
            button.click()
        self.tab.wait_for_load_state("networkidle")

    def upload(self, page: str, text: str) -> None:
        self.go(page)
        file: Any = {"name": "clients.csv", "mimeType": "text/csv", "buffer": text.encode()}
        self.tab.set_input_files("input[type=file]", file)
        self.click("main form[enctype] .btn-primary")

    def answered(
        self,
        path: str,
        *,
        data: dict[str, Any] | None = None,
        user: str = "",
        csrf: bool = False,
        follow: bool = False,
    ) -> bytes:
        """What a production installation answers: the demo shows Django's own pages of errors."""
        browser = Browser(enforce_csrf_checks=csrf, headers={"host": self.base.removeprefix("http://")})
        browser.cookies["django_language"] = self.language
        if user:
            found = User.objects.get(username=user)
            browser.force_login(found, backend="django.contrib.auth.backends.ModelBackend")
        with override_settings(DEBUG=False):
            answer = browser.get(path) if data is None else browser.post(path, data, follow=follow)
        return answer.content


def furnish() -> None:
    """Rows for the screens of administrators, which a fresh demo leaves empty."""
    now = timezone.now()
    User.objects.create_user("nobody", is_staff=True)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    tried = {"address": "203.0.113.7", "browser": firefox}
    for kind in (AccessKind.FAILED, AccessKind.LOCKED_OUT):
        AccessEvent.objects.create(kind=kind, username="st…", **tried)
    given = {"given": ["group:Manager", "flag:is_superuser"]}
    AccessEvent.objects.create(kind=AccessKind.RIGHTS_CHANGED, username="manager", by="boss", details=given, **tried)
    AccessEvent.objects.create(kind=AccessKind.LOGGED_IN, username="manager", **tried)
    trouble = "Traceback (most recent call last):\n  mailing/tasks.py, line 21\nOperationalError: disk is full"
    for number in range(3):
        stopped = now - timedelta(days=number)
        Failure.objects.create(
            id=f"{number:032}", name=f"alpha-{number}", func="mailing.tasks.run_due", started=stopped,
            stopped=stopped, success=False, result=trouble,
        )  # fmt: skip
        Schedule.objects.create(name=f"mailing:{number}", func="mailing.tasks.run_due", next_run=now)


def half_wrong() -> str:
    """A file of new clients every time, with something wrong in half of its rows."""
    return HALF_WRONG.format(known=known(), new=f"new-{secrets.token_hex(3)}")


def known() -> str:
    return str(Client.objects.order_by("pk").values_list("email", flat=True)[0])


def letters_taken() -> list[str]:
    """Keys of letters in the mailbox of the demo, newest first; of ours, where it took none yet."""
    directory = demo.mailbox_directory()
    directory.mkdir(exist_ok=True)
    kept = StoredLetters(directory)
    box = Maildir(directory / MAILDIR)
    for number, client in enumerate(Client.objects.order_by("pk")[:14] if not len(kept) else ()):
        letter = MIMEMultipart("alternative")
        letter["From"] = "Чайная лавка <news@samovar.example>"
        letter["To"], letter["Delivered-To"] = f"{client.full_name} <{client.email}>", client.email
        letter["Subject"] = ("Чай дня и один совет", "[Тест] Новинки недели в лавке «У самовара»")[number % 5 == 0]
        letter.attach(MIMEText("Доброе утро! Чай дня — «Кудин лесной»: мягкий, с запахом липы.\n"))
        letter.attach(MIMEText("<h1>Доброе утро!</h1><p>Чай дня — «Кудин лесной».</p>", "html"))
        box.add(letter.as_bytes())
    return [row.key for row in kept.page(1, 5).letters]


def _letter_opened(tab: str, stage: Stage) -> None:
    stage.go(f"/admin/mailbox/{letters_taken()[0]}/?tab={tab}")


def _letters_searched(stage: Stage) -> None:
    letters_taken()
    stage.go("/admin/mailbox/?q=новинки")


def _left(stage: Stage) -> None:
    email = Client.objects.order_by("pk")[1].email
    suppression.unsubscribe(email)
    stage.go(urlsplit(links.unsubscribe_url(email)).path)


def _asked(stage: Stage) -> None:
    email = Client.objects.exclude(email__in=Suppression.objects.values("email")).order_by("-pk")[0].email
    stage.go(urlsplit(links.unsubscribe_url(email)).path)


def _lifted(stage: Stage) -> None:
    stage.go(f"/admin/mailing/suppression/?attempt={Suppression.objects.exclude(attempt=None)[0].attempt_id}")


def _counted(stage: Stage) -> None:
    """The question with its numbers: a mailing is chosen."""
    stage.act("add_to_mailing")
    stage.tab.evaluate("document.querySelector('#id_mailing').selectedIndex = 2")
    stage.click("main .btn-primary")


def _broken(stage: Stage) -> None:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(username="manager")
    with override(stage.language):
        stage.show(server_error(request).content)


def _not_understood(stage: Stage) -> None:
    stage.show(stage.answered(f"{LIST}add/", data=dict.fromkeys(map(str, range(1001)), ""), user="manager"))


def _out_of_date(stage: Stage) -> None:
    stage.show(stage.answered(f"{LIST}add/", data={}, user="viewer", csrf=True))


def _signed_out(stage: Stage) -> None:
    stage.show(stage.answered("/admin/logout/", data={}, user="viewer"))


def _wrong_password(stage: Stage) -> None:
    wrong = {"username": "nobody", "password": "guessed", "next": "/admin/"}
    AccessEvent.objects.filter(username="nobody").delete()
    stage.show(stage.answered("/admin/login/", data=wrong))


def _second_step(stage: Stage) -> None:
    user, made = User.objects.get_or_create(username="phoned", is_staff=True)
    if made:
        user.set_password("phoned")
        user.save()
        TOTPDevice.objects.create(user=user, confirmed=True)
    stage.show(stage.answered("/admin/login/", data={"username": "phoned", "password": "phoned"}, follow=True))


def _asked_for_a_letter(stage: Stage) -> None:
    stage.show(stage.answered("/admin/password-reset/", data={"name": "nobody"}))


def _locked_out(stage: Stage) -> None:
    wrong = {"username": "thief", "password": "guessed", "next": "/admin/"}
    for _try in range(6):
        html = stage.answered("/admin/login/", data=wrong)
    stage.show(html)


def _import_done(stage: Stage) -> None:
    stage.upload(IMPORT, half_wrong())
    stage.click(".strip .btn-primary")


def _filtered(stage: Stage) -> None:
    stage.go(f"{LIST}?receives=no&domain=mail.example")


def _open_filter(stage: Stage) -> None:
    stage.go(LIST)
    stage.tab.locator("details.filter summary").nth(3).click()


def _ticked(stage: Stage) -> None:
    stage.go(LIST)
    stage.tab.locator(".action-select").first.check()


def _save_menu(stage: Stage) -> None:
    stage.go(f"{LIST}add/")
    stage.tab.click(".saving summary")


def _twice(stage: Stage) -> None:
    stage.go(f"{LIST}add/")
    stage.tab.fill("#id_email", known())
    stage.click("[name=_save]")


def _known(stage: Stage) -> None:
    client = Delivery.objects.exclude(client=None).order_by("-pk")[0].client_id
    stage.go(f"{LIST}{client}/change/")
    stage.tab.click(".object-tools details summary")
    stage.click("form[action$='/known/'] button")


def _recipients(page: str = "recipients") -> str:
    """Of the mailing that repeats and has a list of its own."""
    chosen = Mailing.objects.unfinished().filter(audience=Audience.SELECTED, attempts__isnull=False)
    return f"/admin/mailing/mailing/{chosen.order_by('pk')[0].pk}/{page}/"


def _recipients_ticked(stage: Stage) -> None:
    stage.go(_recipients())
    stage.tab.locator(".action-select").first.check()


def _all_recipients_removed(stage: Stage) -> None:
    data = {"action": "remove_recipients", "index": "0", "_selected_action": "0", "select_across": "1"}
    stage.show(stage.answered(_recipients(), data=data, user="manager"))


def _pasted(stage: Stage) -> None:
    stage.go(_recipients("paste-recipients"))
    stage.tab.fill("textarea", f"{known()}\nnobody@mail.example, Иван Петров")
    stage.click("main .panel .btn-primary")


def _recipients_of_everyone(stage: Stage) -> None:
    pk = Mailing.objects.filter(audience=Audience.EVERYONE).order_by("pk")[0].pk
    stage.go(f"/admin/mailing/mailing/{pk}/recipients/")


def _nobody_yet(stage: Stage) -> None:
    given = {"message": Message.objects.order_by("pk")[0], "start_at": timezone.now(), "is_paused": True}
    empty, _made = Mailing.objects.get_or_create(name="Empty", defaults=given)
    stage.go(f"/admin/mailing/mailing/{empty.pk}/recipients/")


def _saved_group(stage: Stage) -> None:
    stage.go(f"/admin/auth/group/{Group.objects.get(name='Manager').pk}/change/")
    stage.tab.click(".saving summary")
    stage.click("[name=_continue]")


def _numbers(stage: Stage) -> None:
    """The numbers of a chart open, and one of its columns in focus."""
    stage.go(f"{REPORT}?period=7")
    stage.tab.click(".as-table summary")
    stage.tab.keyboard.press("Shift+Tab")


def _menu(stage: Stage) -> None:
    stage.go(LIST)
    stage.tab.click(".user-menu summary")


def _found(stage: Stage, *, by_keys: str = "ма") -> None:
    """The box behind Ctrl-K, with what was found."""
    stage.go("/admin/mailing/mailing/")
    stage.tab.keyboard.press("Control+k")
    stage.tab.locator("#finder [role=option]").first.wait_for()
    if by_keys:
        with stage.tab.expect_response(lambda answer: "/admin/find/" in answer.url):
            stage.tab.keyboard.type(by_keys)
    stage.tab.wait_for_timeout(300)


def _undone(stage: Stage) -> None:
    """The message that reports a stop, with its button."""
    client = Client.objects.exclude(email__in=Suppression.objects.values("email")).order_by("-pk")[1]
    stage.go(f"{LIST}{client.pk}/change/")
    stage.click("form[action$='/stop/'] button")


def _keys(stage: Stage) -> None:
    stage.go("/admin/mailing/mailing/")
    stage.tab.keyboard.press("?")


SCENES: dict[str, Callable[[Stage], None]] = {
    "scene_login_wrong": _wrong_password,
    "scene_locked_out": _locked_out,
    "scene_login_code": _second_step,
    "scene_password_asked": _asked_for_a_letter,
    "scene_logged_out": _signed_out,
    "scene_error_400": _not_understood,
    "scene_error_403": lambda stage: stage.show(stage.answered("/admin/auth/user/", user="viewer")),
    "scene_error_403_csrf": _out_of_date,
    "scene_error_404": lambda stage: stage.show(stage.answered("/admin/nowhere/", user="viewer")),
    "scene_error_404_stranger": lambda stage: stage.show(stage.answered("/nowhere/")),
    "scene_error_500": _broken,
    "scene_no_rights": lambda stage: stage.show(stage.answered("/admin/", user="nobody")),
    "scene_mailbox_letter": partial(_letter_opened, "html"),
    "scene_mailbox_headers": partial(_letter_opened, "headers"),
    "scene_mailbox_found": _letters_searched,
    "scene_mailbox_nothing": lambda stage: stage.go("/admin/mailbox/?q=nothing-of-the-kind"),
    "scene_import_refused": lambda stage: stage.upload(IMPORT, "first;second\n1;2\n"),
    "scene_import_check": lambda stage: stage.upload(IMPORT, half_wrong()),
    "scene_import_done": _import_done,
    "scene_stop_file_done": lambda stage: stage.upload(STOP_FILE, "email\nnobody@mail.example\nwrong\n"),
    "scene_add_to_mailing": lambda stage: stage.act("add_to_mailing"),
    "scene_add_to_mailing_counted": _counted,
    "scene_stop_list_of_attempt": _lifted,
    "scene_remove_from_mailing": lambda stage: stage.act("remove_from_mailing"),
    "scene_stop_letters": lambda stage: stage.act("stop_letters"),
    "scene_return_letters": lambda stage: stage.act("return_letters"),
    "scene_export_selected": lambda stage: stage.act("export_selected"),
    "scene_delete_selected": lambda stage: stage.act("delete_selected"),
    "scene_clients_filtered": _filtered,
    "scene_clients_filter_open": _open_filter,
    "scene_clients_ticked": _ticked,
    "scene_client_twice": _twice,
    "scene_client_known": _known,
    "scene_recipients": lambda stage: stage.go(_recipients()),
    "scene_recipients_skipped": lambda stage: stage.go(f"{_recipients()}?part=skipped"),
    "scene_recipients_ticked": _recipients_ticked,
    "scene_recipients_all_removed": _all_recipients_removed,
    "scene_recipients_add": lambda stage: stage.go(_recipients("add-recipients")),
    "scene_recipients_pasted": _pasted,
    "scene_recipients_of_everyone": _recipients_of_everyone,
    "scene_recipients_nobody": _nobody_yet,
    "scene_group_saved": _saved_group,
    "scene_save_menu": _save_menu,
    "scene_calendar_week": lambda stage: stage.go(f"{CALENDAR}?week={timezone.localdate()}"),
    "scene_calendar_day": lambda stage: stage.go(f"{CALENDAR}?day={timezone.localdate()}"),
    "scene_report_swapped": lambda stage: stage.go(f"{REPORT}?started_at__since=2026-11-28"
                                                   "&started_at__until=2026-11-01"),
    "scene_report_year": lambda stage: stage.go(f"{REPORT}?period=year"),
    "scene_report_numbers": _numbers,
    "scene_user_menu": _menu,
    "scene_find_box": _found,
    "scene_find_opened": lambda stage: _found(stage, by_keys=""),
    "scene_find_nothing": lambda stage: stage.go("/admin/find/?q=xyzzy"),
    "scene_find_page": lambda stage: stage.go("/admin/find/?q=xfq"),
    "scene_find_keys": _keys,
    "scene_undo": _undone,
    "scene_unsubscribe": _asked,
    "scene_unsubscribed": _left,
    "scene_unsubscribe_unknown": lambda stage: stage.go("/u/nonsense/"),
}  # fmt: skip
