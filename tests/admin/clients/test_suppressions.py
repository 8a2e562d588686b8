"""The stop list: added by hand, by file, lifted one by one or all of one attempt."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.choices import SuppressionReason
from mailing.models import Suppression
from tests.admin.people import somebody
from tests.factories import AttemptFactory, SuppressionFactory, UserFactory
from tests.tables import files

pytestmark = pytest.mark.django_db
LIST = "/admin/mailing/suppression/"


def emails() -> list[str]:
    return sorted(Suppression.objects.values_list("email", flat=True))


def test_an_address_is_added_by_hand_as_people_paste_it(browser: Browser) -> None:
    added = browser.post(f"{LIST}add/", {"email": "Анна <Anna@Example.ru>", "reason": "complaint", "note": "звонила"})
    assert added.status_code == 302
    entry = Suppression.objects.get()
    assert (entry.email, entry.reason, entry.note) == ("anna@example.ru", "complaint", "звонила")
    assert entry.created_by is not None


def test_adding_an_address_again_keeps_the_weightier_reason(browser: Browser) -> None:
    SuppressionFactory(email="anna@example.ru", reason=SuppressionReason.UNSUBSCRIBED)
    assert browser.post(f"{LIST}add/", {"email": "anna@example.ru", "reason": "manual"}).status_code == 302
    assert Suppression.objects.get().reason == SuppressionReason.UNSUBSCRIBED


def test_a_file_adds_its_addresses_and_names_bad_rows(browser: Browser) -> None:
    SuppressionFactory(email="dina@example.ru")
    answer = browser.post(f"{LIST}file/", {"import_file": SimpleUploadedFile("stop.csv", files.csv())})
    assert [card.value for card in answer.context["cards"]] == [2, 1, 3]
    assert ">4</td><td>bad-email</td>" in answer.content.decode()
    assert emails() == files.LOADED


def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(browser: Browser) -> None:
    answer = browser.post(f"{LIST}file/", {"import_file": SimpleUploadedFile("stop.csv", b"x;y\n1;2\n")})
    assert "No column with e-mail addresses was found." in answer.content.decode()


def test_one_is_lifted_by_its_button(browser: Browser) -> None:
    entry = SuppressionFactory()
    assert browser.get(f"{LIST}{entry.pk}/lift/").status_code == 302
    assert Suppression.objects.exists()
    browser.post(f"{LIST}{entry.pk}/lift/")
    assert not Suppression.objects.exists()


def test_chosen_ones_are_lifted(browser: Browser) -> None:
    chosen, stays = SuppressionFactory(), SuppressionFactory()
    browser.post(LIST, {"action": "lift_selected", "_selected_action": [chosen.pk]})
    assert emails() == [stays.email]


def test_all_of_one_attempt_are_lifted_but_not_who_left_since_then(browser: Browser) -> None:
    attempt = AttemptFactory()
    SuppressionFactory.create_batch(2, attempt=attempt, reason=SuppressionReason.HARD_BOUNCE)
    left = SuppressionFactory(attempt=attempt, reason=SuppressionReason.UNSUBSCRIBED)
    other = SuppressionFactory(reason=SuppressionReason.HARD_BOUNCE)
    page = browser.get(LIST, {"attempt": attempt.pk}).content.decode()
    assert "Take off all 2 addresses" in page
    assert other.email not in page
    browser.post(f"{LIST}attempt/{attempt.pk}/lift-all/")
    assert emails() == sorted([left.email, other.email])


def test_who_asked_for_no_letters_is_pointed_out(browser: Browser) -> None:
    entry = SuppressionFactory(reason=SuppressionReason.UNSUBSCRIBED)
    assert "This person asked for no more letters." in browser.get(f"{LIST}{entry.pk}/change/").content.decode()


def test_whoever_may_add_may_not_therefore_lift() -> None:
    entry = SuppressionFactory(attempt=AttemptFactory(), reason=SuppressionReason.HARD_BOUNCE)
    editor = somebody("view_suppression", "add_suppression", "delete_suppression")
    assert editor.post(f"{LIST}add/", {"email": "a@example.ru", "reason": "manual"}).status_code == 302
    for door in (f"{entry.pk}/lift/", f"{entry.pk}/delete/", f"attempt/{entry.attempt.pk}/lift-all/"):
        assert editor.post(f"{LIST}{door}").status_code == 403
    editor.post(LIST, {"action": "lift_selected", "_selected_action": [entry.pk]})
    assert len(emails()) == 2


def test_whoever_only_looks_finds_no_doors() -> None:
    viewer = somebody("view_suppression")
    assert viewer.get(LIST).status_code == 200
    for door in ("add/", "file/", "export/"):
        assert viewer.get(f"{LIST}{door}").status_code == 403


def test_the_export_has_every_entry(browser: Browser) -> None:
    SuppressionFactory(email="anna@example.ru", note="=1")
    response: Any = browser.post(f"{LIST}export/", {"format": "0"})
    rows = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert rows[1].startswith("anna@example.ru;added by hand;")
    assert rows[1].endswith(";'=1")


def test_queries_of_the_list_do_not_grow_with_its_rows(browser: Browser) -> None:
    def queries() -> int:
        browser.get(f"{LIST}?all=")
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"{LIST}?all=").status_code == 200
        return len(captured)

    SuppressionFactory.create_batch(5, attempt=AttemptFactory(), created_by=UserFactory())
    few = queries()
    for _number in range(20):
        SuppressionFactory(attempt=AttemptFactory(), created_by=UserFactory())
    assert queries() == few
