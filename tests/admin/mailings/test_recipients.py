"""The tab Recipients: seen, searched, taken out and put in right there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, DeliveryReason, DeliveryStatus, MailingStatus, SuppressionReason
from mailing.models import Client, Mailing
from mailing.services.mailings import recipients
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    SuppressionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def page(mailing: Mailing, name: str = "recipients") -> str:
    return f"/admin/mailing/mailing/{mailing.pk}/{name}/"


def listed(answer: Any) -> set[str]:
    return {client.email for client in answer.context["cl"].result_list}


def parts(answer: Any) -> dict[str, int]:
    return {str(part.label): part.number for part in answer.context["parts"]}


def ticked(clients: list[Client]) -> dict[str, Any]:
    return {"action": "remove_recipients", "index": 0, "_selected_action": [client.pk for client in clients]}


ALL = {"action": "remove_recipients", "index": 0, "_selected_action": "0", "select_across": "1"}


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def weekly(db: None) -> Mailing:
    """Three got the letter, one was refused; since then one came, and one of the three went on the stop list."""
    mailing: Mailing = MailingFactory(
        name="News", clients=4, status=MailingStatus.RUNNING, active_since=timezone.now()
    )
    attempt = AttemptFactory(mailing=mailing, status=AttemptStatus.PARTLY, audience=4, sent=3, failed=1)
    *reached, refused = mailing.clients.order_by("pk")
    for client in reached:
        DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.SENT)
    DeliveryFactory(attempt=attempt, client=refused, status=DeliveryStatus.FAILED, reason=DeliveryReason.REFUSED)
    SuppressionFactory(email=reached[0].email, reason=SuppressionReason.COMPLAINT)
    mailing.clients.add(ClientFactory(full_name="Новикова <b>Нина</b>", email="nina@mail.example"))
    return mailing


def test_the_sentence_and_the_parts_say_who_comes_and_who_is_left_out(staff: Browser, weekly: Mailing) -> None:
    answer = staff.get(page(weekly))
    assert answer.context["forecast"] == "At the next send: 4 recipients, 1 new, 1 gone, 1 will be skipped."
    assert parts(answer) == {
        "All": 5,
        "New since the last run": 1,
        "Will be skipped": 1,
        "Got the last letter": 3,
        "Did not get the last letter": 1,
    }
    text = answer.content.decode()
    assert "on the stop list: complaint" in text
    assert "Новикова &lt;b&gt;Нина&lt;/b&gt;" in text


@pytest.mark.parametrize(
    ("part", "number"), [("new", 1), ("skipped", 1), ("got", 3), ("missed", 1), ("nonsense", None)]
)
def test_a_part_is_a_list_of_its_own(staff: Browser, weekly: Mailing, part: str, number: int | None) -> None:
    answer = staff.get(f"{page(weekly)}?part={part}", follow=True)
    assert answer.context["cl"].result_count == (number or 5)
    assert (number is None) == bool(answer.redirect_chain)


def test_the_search_is_that_of_the_client_list_within_the_part(staff: Browser, weekly: Mailing) -> None:
    assert listed(staff.get(f"{page(weekly)}?q=НОВИКОВА")) == {"nina@mail.example"}
    assert listed(staff.get(f"{page(weekly)}?q=НОВИКОВА&part=got")) == set()
    assert listed(staff.get(f"{page(weekly)}?q=nina@&part=new")) == {"nina@mail.example"}


def test_ticked_ones_leave_at_once_and_a_second_press_does_nothing(staff: Browser, weekly: Mailing) -> None:
    gone = list(weekly.clients.order_by("pk")[:2])
    answer = staff.post(page(weekly), ticked(gone), follow=True)
    assert [words.partition(" <form")[0] for words in said(answer)] == ["2 clients removed."]
    assert weekly.clients.count() == 3
    assert Client.objects.filter(pk__in=[client.pk for client in gone]).count() == 2
    assert LogEntry.objects.get().get_change_message() == "2 recipients removed"
    answer = staff.post(page(weekly), ticked(gone), follow=True)
    assert said(answer) == ["Nobody was removed: they are not in the mailing any more."]
    assert LogEntry.objects.count() == 1


def test_all_that_were_found_leave_after_a_question_with_their_number(staff: Browser, weekly: Mailing) -> None:
    address = f"{page(weekly)}?part=got"
    asked = staff.post(address, ALL).content.decode()
    assert "<b>3 clients</b> will be removed from “News”" in asked
    assert weekly.clients.count() == 5
    answer = staff.post(address, {**ALL, "apply": "3"}, follow=True)
    assert [words.partition(" <form")[0] for words in said(answer)] == ["3 clients removed."]
    assert weekly.clients.count() == 2


def test_where_the_number_has_changed_it_is_asked_again(staff: Browser, weekly: Mailing) -> None:
    weekly.clients.add(ClientFactory())
    asked = staff.post(page(weekly), {**ALL, "apply": "5"}).content.decode()
    assert "Meanwhile the number has changed." in asked
    assert 'value="6"' in asked
    assert weekly.clients.count() == 6


@pytest.mark.parametrize("apply", ["x", "-1", "9" * 5000, "", "\x00"])
def test_a_number_nobody_said_is_no_answer(staff: Browser, weekly: Mailing, apply: str) -> None:
    assert staff.post(page(weekly), {**ALL, "apply": apply}).status_code == 200
    assert weekly.clients.count() == 5


def test_strangers_cannot_be_taken_out(staff: Browser, weekly: Mailing) -> None:
    other = MailingFactory(clients=2)
    staff.post(page(weekly), ticked(list(other.clients.all())))
    assert (weekly.clients.count(), other.clients.count()) == (5, 2)


@pytest.mark.parametrize("selected", ["x", "9" * 5000, "-1", "1e3", "a\x00"])
def test_rows_that_cannot_be_are_refused(staff: Browser, weekly: Mailing, selected: str) -> None:
    answer = staff.post(page(weekly), {**ALL, "select_across": "0", "_selected_action": selected})
    assert answer.status_code == 400
    assert weekly.clients.count() == 5


def test_more_ticks_than_a_page_has_are_refused(staff: Browser, weekly: Mailing) -> None:
    answer = staff.post(page(weekly), {**ALL, "select_across": "0", "_selected_action": list(range(1001))})
    assert answer.status_code == 400
    assert weekly.clients.count() == 5


@pytest.mark.parametrize("name", ["recipients", "add-recipients"])
@pytest.mark.parametrize("query", ["p=99999999999999999999", "q=" + "x" * 10_000, "colour=green", "o=99"])
def test_what_is_not_understood_is_said(staff: Browser, weekly: Mailing, name: str, query: str) -> None:
    ClientFactory.create_batch(2)
    answer = staff.get(f"{page(weekly, name)}?{query}", follow=True)
    assert answer.status_code == 200
    assert said(answer)[0].startswith("Not understood and ignored: ")


def test_a_page_beyond_the_last_keeps_the_part(staff: Browser) -> None:
    mailing = MailingFactory(clients=60)
    SuppressionFactory(email=mailing.clients.first().email)
    answer = staff.get(f"{page(mailing)}?p=3&q=клиент", follow=True)
    assert answer.redirect_chain == [(f"{page(mailing)}?q=%D0%BA%D0%BB%D0%B8%D0%B5%D0%BD%D1%82", 302)]
    assert answer.context["cl"].result_count == 60
    assert len(listed(staff.get(f"{page(mailing)}?p=2&o=-2"))) == 10


@pytest.mark.parametrize("name", ["recipients", "add-recipients", "paste-recipients"])
def test_a_mailing_that_is_gone_is_no_page(staff: Browser, weekly: Mailing, name: str) -> None:
    address = page(weekly, name)
    weekly.delete()
    assert staff.get(address).status_code == 404
    assert staff.post(address, {**ALL, "apply": "5"}).status_code == 404


# --- Adding -----------------------------------------------------------------------------------------


def test_who_is_not_in_yet_is_ticked_and_added(staff: Browser, weekly: Mailing) -> None:
    strangers = ClientFactory.create_batch(3)
    answer = staff.get(page(weekly, "add-recipients"))
    assert listed(answer) == {client.email for client in strangers}
    pressed = {"action": "add_recipients", "index": 0, "_selected_action": [client.pk for client in strangers[:2]]}
    answer = staff.post(page(weekly, "add-recipients"), pressed, follow=True)
    assert said(answer) == ["2 clients added."]
    assert listed(answer) == {strangers[2].email}
    assert LogEntry.objects.get().get_change_message() == "2 recipients added"
    answer = staff.post(page(weekly, "add-recipients"), pressed, follow=True)
    assert said(answer) == ["Nobody was added: they are in the mailing already."]


def test_all_that_were_found_come_after_a_question(staff: Browser, weekly: Mailing) -> None:
    found = ClientFactory.create_batch(3, comment="наш")
    SuppressionFactory(email=found[0].email)
    ClientFactory()
    address = f"{page(weekly, 'add-recipients')}?q=НАШ"
    pressed = {"action": "add_recipients", "index": 0, "_selected_action": "0", "select_across": "1"}
    asked = staff.post(address, pressed).content.decode()
    assert "<b>3 clients</b> will be added to “News”" in asked
    assert "1 of them is on the stop list" in asked
    assert "its next send goes to them, too" in asked
    assert said(staff.post(address, {**pressed, "apply": "3"}, follow=True)) == ["3 clients added."]
    assert weekly.clients.count() == 8


def test_a_list_of_known_addresses_is_added_at_once(staff: Browser, weekly: Mailing) -> None:
    anna = ClientFactory(email="anna@mail.example")
    answer = staff.post(
        page(weekly, "paste-recipients"), {"addresses": "Анна <anna@mail.example>\nnina@mail.example"}, follow=True
    )
    assert said(answer) == ["1 client added."]
    assert anna in weekly.clients.all()


def test_an_unknown_address_is_named_and_nobody_is_added(staff: Browser, weekly: Mailing) -> None:
    ClientFactory(email="anna@mail.example")
    text = "anna@mail.example\nvera@mail.example\n<i>Иван</i>"
    answer = staff.post(page(weekly, "paste-recipients"), {"addresses": text})
    shown = answer.content.decode()
    assert weekly.clients.count() == 5
    assert "<code>vera@mail.example</code>" in shown
    assert "<code>&lt;i&gt;Иван&lt;/i&gt;</code>" in shown
    assert "&lt;i&gt;Иван&lt;/i&gt;</textarea>" in shown
    assert f"/admin/mailing/client/import/?mailing={weekly.pk}" in shown
    staff.post(page(weekly, "paste-recipients"), {"addresses": text, "known_only": "1"})
    assert weekly.clients.count() == 6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This field is required."),
        (" ;,\n", "There is no address in it."),
        ("\n".join(f"a{n}@b.example" for n in range(recipients.PASTED_AT_ONCE + 1)), "more than 5000 addresses"),
    ],
)
def test_a_list_that_cannot_be_is_refused_beside_the_field(
    staff: Browser, weekly: Mailing, text: str, sentence: str
) -> None:
    answer = staff.post(page(weekly, "paste-recipients"), {"addresses": text, "known_only": "1"})
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert weekly.clients.count() == 5


def test_the_import_begins_with_the_mailing_that_sent_somebody_there(staff: Browser, weekly: Mailing) -> None:
    closed = MailingFactory(status=MailingStatus.FINISHED)
    for pk, chosen in ((weekly.pk, str(weekly.pk)), (closed.pk, None), ("x", None), ("9" * 30, None)):
        form = staff.get(f"/admin/mailing/client/import/?mailing={pk}").context["form"]
        assert form["mailing"].value() == chosen


# --- Who may, and which mailings ---------------------------------------------------------------------


def test_of_everyone_nobody_is_taken_out(staff: Browser, weekly: Mailing) -> None:
    Mailing.objects.filter(pk=weekly.pk).update(audience=Audience.EVERYONE)
    answer = staff.get(page(weekly))
    text = answer.content.decode()
    assert answer.context["cl"].result_count == 4  # the one on the stop list does not belong to it
    assert "It goes to everyone who receives mail" in text
    assert "1 client on the stop list is left out." in text
    assert f'href="{page(weekly, "schedule")}#id_audience_0"' in text
    assert "remove_recipients" not in text
    staff.post(page(weekly), ticked(list(weekly.clients.all())))
    assert weekly.clients.count() == 5
    assert staff.get(page(weekly, "add-recipients")).status_code == 403


def test_a_finished_mailing_is_looked_at_only(staff: Browser, weekly: Mailing) -> None:
    Mailing.objects.filter(pk=weekly.pk).update(status=MailingStatus.FINISHED)
    text = staff.get(page(weekly)).content.decode()
    assert "The mailing is finished: nothing more is sent." in text
    assert "remove_recipients" not in text
    assert staff.get(page(weekly, "add-recipients")).status_code == 403


@pytest.mark.parametrize(
    ("group", "paused", "may"), [("Editor", True, True), ("Editor", False, False), ("Viewer", True, False)]
)
def test_who_may_not_is_offered_nothing(weekly: Mailing, group: str, paused: bool, may: bool) -> None:
    Mailing.objects.filter(pk=weekly.pk).update(is_paused=paused)
    user = UserFactory()
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    text = browser.get(page(weekly)).content.decode()
    assert ("remove_recipients" in text) == (page(weekly, "add-recipients") in text) == may
    browser.post(page(weekly), ticked(list(weekly.clients.all())[:1]))
    assert weekly.clients.count() == (4 if may else 5)
    assert browser.get(page(weekly, "add-recipients")).status_code == (200 if may else 403)
    assert browser.post(page(weekly, "paste-recipients"), {"addresses": "a@b.example"}).status_code == (
        200 if may else 403
    )


def test_nobody_is_told_what_to_do_next(staff: Browser) -> None:
    mailing = MailingFactory()
    text = staff.get(page(mailing)).content.decode()
    assert "Nobody is in this mailing yet" in text
    assert page(mailing, "add-recipients") in text


@pytest.mark.parametrize("name", ["recipients", "add-recipients"])
def test_the_number_of_queries_does_not_grow_with_the_rows(staff: Browser, name: str) -> None:
    def asked(number: int) -> tuple[int, int]:
        mailing = MailingFactory(clients=number)
        attempt = AttemptFactory(mailing=mailing, status=AttemptStatus.SUCCEEDED, audience=number, sent=number)
        for client in mailing.clients.all():
            DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.SENT)
        ClientFactory.create_batch(number)
        staff.get(page(mailing, name))
        with CaptureQueriesContext(connection) as queries:
            answer = staff.get(page(mailing, name))
        return len(queries), len(answer.content)

    few, many = asked(60), asked(130)
    assert few[0] == many[0] <= 31
    assert many[1] < 60_000
