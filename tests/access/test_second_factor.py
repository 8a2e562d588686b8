"""The second factor: nothing is reached with the password alone, a code counts once, and guessing is slow."""

from __future__ import annotations

import re
import threading
import time
from base64 import b32decode
from contextlib import suppress
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import NoReverseMatch, URLPattern, reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from mailing.choices import AccessKind
from mailing.models import AccessEvent, RecoveryCode
from mailing.services.access import limits, second_factor
from tests.access.knocking import RIGHT, knock, member
from tests.access.test_limits import later
from tests.factories import UserFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db

CODE, SETUP = "/admin/login/code/", "/admin/second-factor/"
HERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture(autouse=True)
def optional(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = "optional"


def code_of(device: TOTPDevice, *, steps: int = 0) -> str:
    totp = TOTP(device.bin_key)
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06}"


def with_phone(user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, confirmed=True)


def halfway(name: str = "anna", **given: Any) -> Browser:
    browser = Browser()
    answer = knock(browser, name=name, password=RIGHT, **given)
    assert answer["Location"] in {CODE, SETUP}
    return browser


def type_code(browser: Browser, code: str, **headers: Any) -> Any:
    return browser.post(CODE, {"code": code}, **(HERE | headers))


def is_in(browser: Browser) -> bool:
    return browser.get("/admin/", **HERE).status_code == 200


def key_on(page: str) -> str:
    found = re.search(r'<code translate="no">([A-Z2-7 ]+)</code>', page)
    assert found
    return found[1].replace(" ", "")


def code_for(key: str) -> str:
    return f"{TOTP(b32decode(key)).token():06}"


# --- The steps --------------------------------------------------------------------------------------


def test_password_and_code_let_in_to_where_one_wanted_to_go() -> None:
    phone = with_phone(member(is_superuser=True))
    browser = Browser()
    browser.post("/admin/login/", {"username": "anna", "password": RIGHT, "next": "/admin/mailing/client/"}, **HERE)
    answer = type_code(browser, code_of(phone))
    assert (answer.status_code, answer["Location"]) == (302, "/admin/mailing/client/")
    assert is_in(browser)


def test_whoever_has_none_logs_in_with_the_password() -> None:
    member()
    browser = Browser()
    knock(browser, password=RIGHT)
    assert is_in(browser)


PUBLIC = {"login", "login_code", "second_factor", "password_reset"}


def pages() -> list[str]:
    """Whatever is reached without a row of its own."""
    named = {pattern.name for pattern in admin.site.get_urls() if isinstance(pattern, URLPattern) and pattern.name}
    found = []
    for name in named - PUBLIC:
        with suppress(NoReverseMatch):
            found.append(reverse(f"admin:{name}"))
    models = (model._meta for model in admin.site._registry)
    found += [reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in models]
    assert len(found) > 15
    return [*found, "/admin/mailing/attempt/export/", "/admin/mailing/mailing/plan/", "/admin/nowhere/"]


def test_no_page_is_reached_with_the_password_alone() -> None:
    with_phone(member(is_superuser=True))
    browser = halfway()
    for address in pages():
        for answer in (browser.get(address, **HERE), browser.post(address, **HERE)):
            assert answer.status_code in {302, 403, 404, 405}, address
            assert answer.status_code != 302 or "/admin/login/" in answer["Location"] or address.endswith("logout/")
            assert b"anna" not in answer.content
    assert "_auth_user_id" not in browser.session


def test_a_session_from_before_the_second_factor_is_no_longer_enough(settings: LazySettings) -> None:
    user = member(is_superuser=True)
    old = Browser()
    knock(old, password=RIGHT)
    assert is_in(old)
    with_phone(user)
    assert not is_in(old)
    for address in pages():
        assert old.get(address, **HERE).status_code in {302, 404, 405}, address
    assert 'class="sections"' not in old.get("/admin/nowhere/", **HERE).content.decode()


def test_a_session_with_a_phone_that_was_taken_away_is_no_longer_enough() -> None:
    user = member()
    phone = with_phone(user)
    stolen = halfway()
    type_code(stolen, code_of(phone))
    assert is_in(stolen)
    second_factor.remove(user, by=None)
    with_phone(user)
    assert not is_in(stolen)


def test_the_second_step_needs_the_first_and_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    phone = with_phone(member())
    assert type_code(Browser(), code_of(phone))["Location"] == "/admin/login/"
    browser = halfway()
    now = time.time()
    monkeypatch.setattr("backoffice.login_steps.time.time", lambda: now + 601)
    assert type_code(browser, code_of(phone))["Location"] == "/admin/login/"


@pytest.mark.parametrize("change", ["password", "inactive", "no staff", "deleted"])
def test_what_changes_between_the_steps_counts(change: str) -> None:
    user = member()
    phone = with_phone(user)
    browser, code = halfway(), code_of(phone)
    if change == "password":
        user.set_password("another four words")
    user.is_active, user.is_staff = change != "inactive", change != "no staff"
    user.delete() if change == "deleted" else user.save()
    type_code(browser, code)
    assert not is_in(browser)


def test_the_code_of_another_opens_nothing() -> None:
    with_phone(member("anna"))
    phone = with_phone(member("boris"))
    browser = halfway("anna")
    assert type_code(browser, code_of(phone)).status_code == 200
    assert not is_in(browser)


# --- Codes ------------------------------------------------------------------------------------------


def test_a_code_counts_once_even_within_its_time() -> None:
    phone = with_phone(member())
    code = code_of(phone)
    type_code(halfway(), code)
    thief = halfway()
    assert "was used already" in type_code(thief, code).content.decode()
    assert "was used already" in type_code(thief, code_of(phone, steps=-1)).content.decode()
    assert not is_in(thief)


@pytest.mark.django_db(transaction=True)
def test_a_code_typed_twice_at_the_same_moment_counts_once() -> None:
    phone = with_phone(member())
    code, browsers = code_of(phone), [halfway() for _number in range(4)]
    threads = [threading.Thread(target=type_code, args=(browser, code)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(is_in(browser) for browser in browsers) == 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "абвгде", "١٢٣٤٥٦", "-1", "9" * 5000, "\x00", "000000; --"])
def test_nonsense_is_no_code(code: str) -> None:
    with_phone(member())
    browser = halfway()
    assert type_code(browser, code).status_code == 200
    assert not is_in(browser)


def test_codes_are_guessed_five_times_and_the_right_one_does_not_help_then() -> None:
    phone = with_phone(member())
    thief = halfway()
    answers = [type_code(thief, "000000").status_code for _try in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]
    assert type_code(thief, code_of(phone)).status_code == 429
    assert Browser().post("/admin/login/", {"username": "anna", "password": RIGHT}, **HERE).status_code == 429


def test_whoever_knows_the_password_guesses_twenty_codes_a_day_from_wherever() -> None:
    with_phone(member())
    wrong = 0
    for number in range(100):
        here = {"at": f"203.0.113.{number}"}
        if number % 10 == 9:
            later(hours=1)
        if knock(password=RIGHT, **here).status_code != 302:
            continue
        wrong += type_code(halfway(**here), "000000", REMOTE_ADDR=here["at"]).status_code == 200
    assert wrong == limits.CODES.failures - 1


def test_nor_does_that_keep_the_owner_out_of_a_known_device() -> None:
    phone = with_phone(member())
    mine = Browser()
    knock(mine, password=RIGHT, at="198.51.100.1")
    type_code(mine, code_of(phone, steps=-1), REMOTE_ADDR="198.51.100.1")
    mine.post("/admin/logout/")
    for number in range(40):
        at = f"203.0.113.{number}"
        browser = Browser()
        knock(browser, password=RIGHT, at=at)
        type_code(browser, "000000", REMOTE_ADDR=at)
    knock(mine, password=RIGHT, at="192.0.2.9")
    assert type_code(mine, code_of(phone), REMOTE_ADDR="192.0.2.9").status_code == 302


def test_the_password_alone_resets_no_count() -> None:
    with_phone(member())
    answers = []
    for _try in range(6):
        browser = Browser()
        if knock(browser, password=RIGHT).status_code == 302:
            answers.append(type_code(browser, "000000").status_code)
    assert answers == [200, 200, 200, 200, 429]


# --- Recovery codes ---------------------------------------------------------------------------------


def test_a_recovery_code_lets_in_once_and_is_stored_as_a_hash() -> None:
    user = member()
    with_phone(user)
    codes = second_factor.new_codes(user)
    assert len(set(codes)) == 10
    assert not any(code.replace("-", "") in str(list(RecoveryCode.objects.values())) for code in codes)
    first, second = halfway(), halfway()
    assert type_code(first, f" {codes[0].upper()} ").status_code == 302
    assert type_code(second, codes[0]).status_code == 200
    assert not is_in(second)
    assert second_factor.codes_left(user) == 9
    assert AccessEvent.objects.filter(kind=AccessKind.RECOVERY_USED, username="anna").count() == 1


def test_new_recovery_codes_end_the_old() -> None:
    user = member()
    with_phone(user)
    old = second_factor.new_codes(user)
    second_factor.new_codes(user)
    assert type_code(halfway(), old[0]).status_code == 200


# --- Setting it up ----------------------------------------------------------------------------------


def test_set_up_by_oneself_with_picture_key_and_codes_shown_once() -> None:
    user = member()
    browser = Browser()
    knock(browser, password=RIGHT)
    page = browser.get(SETUP, **HERE)
    html = page.content.decode()
    assert "<svg" in html
    assert "data:" not in html
    assert " style=" not in html.partition("<svg")[2].partition("</svg>")[0]
    assert "no-store" in page["Cache-Control"]
    key = key_on(html)
    assert key == key_on(browser.get(SETUP, **HERE).content.decode()), "the picture stays while one types"
    wrong = browser.post(SETUP, {"password": RIGHT, "code": "000000"}, **HERE).content.decode()
    assert "This code is wrong" in wrong
    done = browser.post(SETUP, {"password": RIGHT, "code": code_for(key)}, **HERE).content.decode()
    shown = re.findall(r"\b([a-z2-7]{4}(?:-[a-z2-7]{4}){3})\n", done)
    assert len(shown) == 10
    assert is_in(browser)
    assert "10 recovery codes left" in browser.get(SETUP, **HERE).content.decode()
    assert key not in browser.get(SETUP, **HERE).content.decode()
    assert type_code(halfway(), shown[0]).status_code == 302
    kinds = set(AccessEvent.objects.filter(username="anna").values_list("kind", flat=True))
    assert {AccessKind.FACTOR_ADDED, AccessKind.RECOVERY_MADE} <= kinds
    assert TOTPDevice.objects.get(user=user).key not in str(list(AccessEvent.objects.values()))


def test_an_unattended_screen_gets_no_strangers_phone() -> None:
    member()
    browser = Browser()
    knock(browser, password=RIGHT)
    key = key_on(browser.get(SETUP, **HERE).content.decode())
    for _try in range(6):
        answer = browser.post(SETUP, {"password": "guessed", "code": code_for(key)}, **HERE)
    assert answer.status_code == 429
    assert not TOTPDevice.objects.exists()


def test_the_code_that_set_it_up_logs_nobody_in() -> None:
    member()
    browser = Browser()
    knock(browser, password=RIGHT)
    code = code_for(key_on(browser.get(SETUP, **HERE).content.decode()))
    browser.post(SETUP, {"password": RIGHT, "code": code}, **HERE)
    assert type_code(halfway(), code).status_code == 200


def test_other_sessions_of_the_user_end_when_it_is_set_up() -> None:
    member()
    mine, other = Browser(), Browser()
    for browser in (mine, other):
        knock(browser, password=RIGHT)
    key = key_on(mine.get(SETUP, **HERE).content.decode())
    mine.post(SETUP, {"password": RIGHT, "code": code_for(key)}, **HERE)
    assert is_in(mine)
    assert not is_in(other)


def test_one_takes_it_away_or_makes_new_codes_with_a_code_only() -> None:
    phone = with_phone(member())
    browser = halfway()
    type_code(browser, code_of(phone, steps=-1))
    browser.post(SETUP, {"do": "remove", "code": "000000"}, **HERE)
    assert TOTPDevice.objects.exists()
    assert (
        "They are shown only now"
        in browser.post(SETUP, {"do": "codes", "code": code_of(phone)}, **HERE).content.decode()
    )
    browser.post(SETUP, {"do": "remove", "code": code_of(phone, steps=1)}, **HERE)
    assert not TOTPDevice.objects.exists()
    assert is_in(browser)


@pytest.mark.parametrize("who", ["everybody", "group"])
def test_who_needs_one_sets_it_up_before_anything_else(settings: LazySettings, who: str) -> None:
    user = member()
    if who == "everybody":
        settings.SECOND_FACTOR = "required"
    else:
        group = Group.objects.get(name="Manager")
        user.groups.add(group)
        second_factor.require_for(group, needed=True)
    browser = halfway()
    assert not is_in(browser)
    page = browser.get(SETUP, **HERE).content.decode()
    assert "You need a second factor" in page
    assert 'name="password"' not in page
    done = browser.post(SETUP, {"code": code_for(key_on(page))}, **HERE)
    assert "They are shown only now" in done.content.decode()
    assert browser.cookies["known"].value
    assert is_in(browser)


def test_a_session_from_before_it_was_needed_is_no_longer_enough(settings: LazySettings) -> None:
    member()
    browser = Browser()
    knock(browser, password=RIGHT)
    settings.SECOND_FACTOR = "required"
    assert not is_in(browser)
    assert browser.get(SETUP, **HERE)["Location"] == "/admin/login/"


def test_whoever_has_a_phone_cannot_be_given_another_halfway() -> None:
    with_phone(member())
    browser = halfway()
    assert browser.get(SETUP, **HERE)["Location"] == CODE
    assert browser.post(SETUP, {"code": "000000"}, **HERE)["Location"] == CODE


def test_off_is_off(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = "off"
    with_phone(member())
    browser = Browser()
    knock(browser, password=RIGHT)
    assert is_in(browser)
    assert browser.get(SETUP, **HERE).status_code == 404


# --- Around it --------------------------------------------------------------------------------------


def test_a_change_of_the_password_goes_not_around_it() -> None:
    user = member()
    phone = with_phone(user)
    browser = halfway()
    type_code(browser, code_of(phone))
    new = "another four words"
    browser.post(
        "/admin/password_change/", {"old_password": RIGHT, "new_password1": new, "new_password2": new}, **HERE
    )
    assert is_in(browser)
    assert knock(password=new)["Location"] == CODE


def test_an_administrator_resets_it_and_nobody_else_an_administrators(superuser: User) -> None:
    user, root = member(), UserFactory(username="root", is_superuser=True)
    for one in (user, root):
        with_phone(one)
    helper = UserFactory(username="helper")
    helper.user_permissions.set([*_rights("view_user", "change_user")])
    helping, boss = Browser(), Browser()
    helping.force_login(helper)
    boss.force_login(superuser)
    address = "/admin/auth/user/{}/reset-second-factor/"
    assert address.format(user.pk) in boss.get(f"/admin/auth/user/{user.pk}/change/").content.decode()
    assert helping.get(address.format(user.pk)).status_code == 405
    helping.post(address.format(root.pk))
    assert TOTPDevice.objects.filter(user=root).exists()
    boss.post(address.format(user.pk))
    assert not TOTPDevice.objects.filter(user=user).exists()
    removed = AccessEvent.objects.get(kind=AccessKind.FACTOR_REMOVED)
    assert (removed.username, removed.by) == ("anna", "boss")


def _rights(*names: str) -> Any:
    return Permission.objects.filter(codename__in=names)


def test_the_command_resets_it_and_says_whom_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with_phone(member())
    call_command("reset_second_factor", "anna")
    assert "The second factor of anna is removed." in capsys.readouterr().out
    with pytest.raises(CommandError, match="anna has no second factor"):
        call_command("reset_second_factor", "anna")
    with pytest.raises(CommandError, match="There is no user nobody"):
        call_command("reset_second_factor", "nobody")
    browser = Browser()
    knock(browser, password=RIGHT)
    assert is_in(browser)


def test_the_command_and_the_button_unlock(superuser: User, capsys: pytest.CaptureFixture[str]) -> None:
    user = member()
    boss = Browser()
    boss.force_login(superuser)
    for unlock in (lambda: call_command("unlock", "anna"), lambda: boss.post(f"/admin/auth/user/{user.pk}/unlock/")):
        for _try in range(5):
            knock()
        assert knock(password=RIGHT).status_code == 429
        unlock()
        assert knock(password=RIGHT).status_code == 302
    assert [event.by for event in AccessEvent.objects.filter(kind=AccessKind.UNLOCKED).order_by("pk")] == ["", "boss"]


def test_the_box_of_a_group_is_kept_and_written_down(superuser: User) -> None:
    group = Group.objects.get(name="Editor")
    boss = Browser()
    boss.force_login(superuser)
    url = f"/admin/auth/group/{group.pk}/change/"
    for ticked in ("on", ""):
        page = boss.get(url).content.decode()
        given = {"needs_second_factor": "on"} if ticked else {}
        values = {name: value for name, value in filled(page, "group_form").items() if name != "needs_second_factor"}
        boss.post(url, values | given)
        box = re.search(r'<input[^>]*name="needs_second_factor"[^>]*>', boss.get(url).content.decode())
        assert box
        assert ("checked" in box[0]) == bool(ticked)
    events = AccessEvent.objects.filter(kind=AccessKind.RIGHTS_CHANGED, by="boss").order_by("pk")
    assert [event.told for event in events if "second factor" in event.told] == [
        "group Editor; given: needs a second factor",
        "group Editor; taken away: needs a second factor",
    ]


def test_the_keys_are_on_no_screen(superuser: User) -> None:
    assert TOTPDevice not in admin.site._registry
