"""The access log: what happened stands there, in words; nobody deletes it, and it holds no password."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import timezone, translation

from mailing.choices import AccessKind
from mailing.models import AccessEvent
from mailing.services.access import audit_log, trail
from mailing.services.access.origins import Origin
from mailing.services.operations import reconciler
from tests.access.knocking import RIGHT, knock, member
from tests.factories import UserFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db

LIST = "/admin/mailing/accessevent/"


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser


def written(kind: AccessKind) -> list[AccessEvent]:
    return list(AccessEvent.objects.filter(kind=kind).order_by("pk"))


def told(**about: str) -> list[str]:
    return [f"{event.username}: {event.told}".strip() for event in AccessEvent.objects.filter(**about).order_by("pk")]


# --- What is written ----------------------------------------------------------------------------------


def test_a_log_in_a_failure_a_lock_out_and_a_log_out_stand_there_with_their_address() -> None:
    member()
    mine = Browser(headers={"user-agent": "Fire\rfox \x1b[31m"})
    knock(mine, password=RIGHT)
    mine.post("/admin/logout/")
    for _try in range(6):
        knock()
    kinds = [event.kind for event in AccessEvent.objects.exclude(kind=AccessKind.USER_ADDED).order_by("pk")][1:]
    assert kinds == ["logged_in", "logged_out", *["failed"] * 5, "locked_out", "refused"]
    log_in = written(AccessKind.LOGGED_IN)[0]
    assert (log_in.username, log_in.address, log_in.browser) == ("anna", "203.0.113.7", "Firefox [31m")


def test_a_name_nobody_has_is_shortened_for_it_may_be_a_password(caplog: pytest.LogCaptureFixture) -> None:
    member("anna")
    with caplog.at_level("INFO", logger="mailing"):
        knock(name="correct horse battery")
        knock(name="anna", password="correct horse battery")
    events = written(AccessKind.FAILED)
    assert [event.username for event in events] == ["co…", "anna"]
    everything = str(list(AccessEvent.objects.values())) + caplog.text
    assert "horse" not in everything
    assert "name='anna'" in caplog.text


def test_a_log_line_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    User.objects.create(username="anna\nWARNING forged")
    with caplog.at_level("INFO", logger="mailing"):
        trail.record(AccessKind.FAILED, "anna\nWARNING forged", origin=Origin("203.0.113.7"))
    assert caplog.records
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_whoever_changes_rights_is_named_with_what_was_given_and_taken(browser: Browser) -> None:
    user = UserFactory(username="anna")
    user.groups.set(Group.objects.filter(name="Viewer"))
    AccessEvent.objects.all().delete()
    url = f"/admin/auth/user/{user.pk}/change/"
    page = browser.get(url).content.decode()
    editor = Group.objects.get(name="Editor")
    browser.post(url, filled(page, "user_form", groups=[str(editor.pk)], is_superuser="on", email="new@example.com"))
    assert told(kind=AccessKind.RIGHTS_CHANGED) == [
        "anna: given: administrator",
        "anna: taken away: group Viewer",
        "anna: given: group Editor",
    ]
    assert told(kind=AccessKind.USER_CHANGED) == ["anna: changed: anna@example.com → new@example.com"]
    assert {event.by for event in AccessEvent.objects.all()} == {"boss"}
    with translation.override("ru"):
        assert told(kind=AccessKind.RIGHTS_CHANGED)[1:] == [
            "anna: отнято: группа Наблюдатель",
            "anna: дано: группа Редактор",
        ]


def test_rights_of_a_group_and_whoever_is_put_into_it_from_the_other_side() -> None:
    group = Group.objects.create(name="Helpers")
    right = Permission.objects.get(codename="send_mailing")
    anna, boris = UserFactory(username="anna"), UserFactory(username="boris")
    AccessEvent.objects.all().delete()
    group.permissions.add(right)
    group.user_set.add(anna, boris)
    group.user_set.clear()
    group.permissions.clear()
    group.delete()
    words = told(kind=AccessKind.RIGHTS_CHANGED)
    assert words[0] == ": group Helpers; given: mailing.send_mailing"
    assert sorted(words[1:5]) == [
        "anna: given: group Helpers",
        "anna: taken away: group Helpers",
        "boris: given: group Helpers",
        "boris: taken away: group Helpers",
    ]
    assert words[5:] == [": group Helpers; taken away: mailing.send_mailing", ": taken away: group Helpers"]


def test_commands_of_django_leave_their_entries_too(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("createsuperuser", "--noinput", "--username=root", "--email=root@example.com")
    User.objects.get(username="root").delete()
    assert told(username="root", kind=AccessKind.USER_ADDED) == [
        "root: given: administrator, access to the back office, account active"
    ]
    assert len(written(AccessKind.USER_DELETED)) == 1


def test_a_password_that_was_changed_says_so_and_a_newer_hash_of_the_same_does_not() -> None:
    user = member()
    AccessEvent.objects.all().delete()
    user.save(update_fields=["password"])  # what Django does at a log-in after its hashes became stronger
    assert not AccessEvent.objects.exists()
    user.set_password("another four words")
    user.save()
    assert [event.kind for event in AccessEvent.objects.all()] == [AccessKind.PASSWORD_CHANGED]
    assert "pbkdf2" not in str(AccessEvent.objects.values().get())


# --- The screen ---------------------------------------------------------------------------------------


def test_an_entry_opens_and_nobody_adds_changes_or_deletes_one(browser: Browser) -> None:
    knock(name="anna", password="wrong")
    row = AccessEvent.objects.filter(kind=AccessKind.FAILED).get()
    url = f"{LIST}{row.pk}"
    assert "<h1>an…</h1>" in browser.get(f"{url}/change/").content.decode()
    assert 'name="_save"' not in browser.get(f"{url}/change/").content.decode()
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(f"{url}/change/", {"username": "x"}).status_code == 403
    assert browser.post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    for action in ("delete_selected", "delete"):
        browser.post(LIST, {"action": action, "_selected_action": row.pk, "post": "yes"})
    assert AccessEvent.objects.filter(pk=row.pk).exists()


def test_an_empty_list_says_so(browser: Browser) -> None:
    AccessEvent.objects.all().delete()
    html = browser.get(LIST).content.decode()
    assert 'class="empty"' in html
    assert "Reset search" not in html


def test_rows_are_found_by_name_address_and_what_happened(browser: Browser) -> None:
    member()
    knock()
    for query in ("q=anna", "q=203.0.113", "kind__exact=failed", "trouble=refused"):
        assert "203.0.113.7" in browser.get(f"{LIST}?{query}").content.decode(), query
    for query in ("q=nobody", "kind__exact=reset_done"):
        assert "Nothing found" in browser.get(f"{LIST}?{query}").content.decode(), query


def test_who_is_locked_out_now_is_a_filter_and_unlocking_is_written_down(browser: Browser) -> None:
    member()
    for _try in range(5):
        knock()
    here = browser.get(f"{LIST}?trouble=now").content.decode()
    assert here.count('name="_selected_action"') == 1
    assert knock(password=RIGHT).status_code == 429
    row = written(AccessKind.LOCKED_OUT)[0]
    said = browser.post(f"{LIST}?trouble=now", {"action": "unlock", "_selected_action": row.pk}, follow=True)
    assert "1 unlocked." in said.content.decode()
    assert knock(password=RIGHT).status_code == 302
    assert [(event.username, event.by) for event in written(AccessKind.UNLOCKED)] == [("anna", "boss")]
    assert len(written(AccessKind.FAILED)) == 5
    assert 'name="_selected_action"' not in browser.get(f"{LIST}?trouble=now").content.decode()


def test_the_export_is_a_file_in_words_and_stands_in_the_journal(browser: Browser) -> None:
    member()
    knock()
    answer = browser.post(f"{LIST}export/?q=anna", {"format": "0", "resource": "0"})
    assert len(re.findall(r'href="[^"]*/export/', browser.get(LIST).content.decode())) == 1
    lines = b"".join(answer).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert lines[0] == "when;what;user name;by;IP address;browser;details"
    assert any("wrong password;anna;;203.0.113.7" in line for line in lines)
    assert "exported" in LogEntry.objects.get().change_message


def test_the_export_of_attempts_stands_in_the_journal(browser: Browser) -> None:
    for page in ("export/", "report/?format=csv"):
        browser.get(f"/admin/mailing/attempt/{page}")
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["0 rows exported"] * 2


def test_who_may_see_the_log_is_a_right_and_unlocking_is_not_in_it() -> None:
    user = UserFactory()
    browser = Browser()
    browser.force_login(user)
    assert browser.get(LIST).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="view_accessevent"))
    page = browser.get(LIST).content.decode()
    assert f'href="{LIST}"' in page
    assert 'value="unlock"' not in page
    assert not re.search(r'href="[^"]*export/', page)
    assert browser.get(f"{LIST}export/").status_code == 403


# --- How long -----------------------------------------------------------------------------------------


def test_failures_go_after_ninety_days_the_rest_after_three_years_and_sessions_when_they_have_ended() -> None:
    now = timezone.now()
    for days in (1, 89, 91, 1094, 1096):
        for kind in (AccessKind.FAILED, AccessKind.RIGHTS_CHANGED):
            AccessEvent.objects.create(kind=kind, at=now - timedelta(days=days))
    browser = Browser()
    browser.force_login(UserFactory())
    reconciler.tick(now)
    assert len(written(AccessKind.FAILED)) == 2
    assert len(written(AccessKind.RIGHTS_CHANGED)) == 4
    assert browser.session.exists(str(browser.session.session_key))
    reconciler.tick(now + timedelta(days=1))
    assert not browser.session.exists(str(browser.session.session_key))


def test_whoever_did_anything_is_deactivated_instead_of_deleted(browser: Browser, superuser: User) -> None:
    """With the user Django deleted what they had done."""
    worked, idle = UserFactory(username="worked"), UserFactory(username="idle")
    audit_log.changed(idle, worked, "Paused")
    page = browser.get(f"/admin/auth/user/{worked.pk}/delete/").content.decode()
    assert "“worked” did things that stand there" in page
    for url, data in (
        (f"/admin/auth/user/{worked.pk}/delete/", {"post": "yes"}),
        ("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [worked.pk, idle.pk], "post": "yes"}),
    ):
        browser.post(url, data)
    assert User.objects.filter(username__in=("worked", "idle")).count() == 2
    browser.post(f"/admin/auth/user/{idle.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="idle").exists()


def test_an_entry_outlives_its_user() -> None:
    user = member()
    knock(password=RIGHT)
    user.delete()
    assert [event.username for event in written(AccessKind.LOGGED_IN)] == ["anna"]
