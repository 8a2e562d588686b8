from __future__ import annotations

import time
from base64 import b64encode
from mailbox import Maildir
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client as Browser

from mailing.demo import faults, letter_index
from mailing.demo.faults import Fault
from mailing.demo.maildir import StoredLetters
from tests.factories import DeliveryFactory, MailingFactory, UserFactory

PAGE = "/admin/mailbox/"
LETTER = """Delivered-To: anna@mail.example
From: Samovar <news@samovar.example>
To: "Анна" <anna@mail.example>
Subject: {subject}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset="utf-8"

plain <b>words</b>
--b
Content-Type: text/html; charset="utf-8"

<p>rich words</p><script>alert(1)</script>
--b--
"""


@pytest.fixture(autouse=True)
def directory(settings: LazySettings, tmp_path: Path) -> Path:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path
    return tmp_path / "mailbox"


def arrive(directory: Path, subject: str = "Tea") -> str:
    directory.mkdir(exist_ok=True)
    return str(Maildir(directory / "letters").add(LETTER.format(subject=subject).encode()))


def member(group: str) -> Browser:
    user = UserFactory(username=group.lower())
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_an_empty_mailbox_says_what_belongs_here(admin_client: Browser) -> None:
    assert "No letters yet" in admin_client.get(PAGE).content.decode()


def test_lists_letters_page_by_page(admin_client: Browser, directory: Path) -> None:
    for number in range(51):
        arrive(directory, f"Tea {number}")
    page = admin_client.get(PAGE).content.decode()
    assert page.count("anna@mail.example") == 50
    assert "51 letters" in page
    for number, shown in (("2", 1), ("3", 1), (2**62, 1), (10**20, 50), ("-1", 50), ("x", 50)):
        assert admin_client.get(f"{PAGE}?p={number}").content.decode().count("anna@mail.example") == shown


def test_shows_text_and_source_escaped_and_html_in_a_sandbox(admin_client: Browser, directory: Path) -> None:
    key = arrive(directory)
    assert f'src="{PAGE}{key}/html/"' in admin_client.get(f"{PAGE}{key}/").content.decode()
    assert "plain &lt;b&gt;words" in admin_client.get(f"{PAGE}{key}/?tab=text").content.decode()
    assert "Delivered-To: anna" in admin_client.get(f"{PAGE}{key}/?tab=source").content.decode()
    letter = admin_client.get(f"{PAGE}{key}/html/")
    assert letter.content.decode().startswith("<p>rich words</p>")
    assert letter["Content-Security-Policy"].endswith("sandbox")


def test_a_letter_that_is_gone_is_not_found(admin_client: Browser) -> None:
    assert admin_client.get(f"{PAGE}nothing/").status_code == 404


def test_clearing_removes_the_letters_and_is_logged(directory: Path, db: None) -> None:
    arrive(directory)
    answer = member("Manager").post(f"{PAGE}clear/", follow=True)
    assert "1 letter removed." in answer.content.decode()
    assert LogEntry.objects.get().user == User.objects.get(username="manager")


def test_the_fault_knob_turns_the_running_server(directory: Path, db: None) -> None:
    member("Manager").post(f"{PAGE}fault/", {"fault": "greylist"})
    assert faults.current(directory) is Fault.GREYLIST


def test_who_may_not_send_may_look_but_not_touch(directory: Path, db: None) -> None:
    arrive(directory)
    viewer = member("Viewer")
    assert "Clear" not in viewer.get(PAGE).content.decode()
    assert viewer.post(f"{PAGE}clear/").status_code == 403
    assert viewer.post(f"{PAGE}fault/", {"fault": "drop"}).status_code == 403


def test_get_changes_nothing(admin_client: Browser, directory: Path) -> None:
    arrive(directory)
    assert admin_client.get(f"{PAGE}clear/").status_code == 405
    assert admin_client.get(f"{PAGE}fault/").status_code == 405


def test_outside_the_demo_there_is_no_such_page(admin_client: Browser, settings: LazySettings) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    assert admin_client.get(PAGE).status_code == 404


def test_an_unknown_fault_is_not_found(admin_client: Browser) -> None:
    assert admin_client.post(f"{PAGE}fault/", {"fault": "nonsense"}).status_code == 404


def test_a_letter_names_the_mailing_that_sent_it(admin_client: Browser, directory: Path) -> None:
    mailing = MailingFactory(name="Morning tea")
    sent = DeliveryFactory(attempt__mailing=mailing, email="anna@mail.example", message_id="<7.1@samovar.example>")
    directory.mkdir(exist_ok=True)
    letter = f"Message-ID: {sent.message_id}\n" + LETTER.format(subject="Tea")
    key = Maildir(directory / "letters").add(letter.encode())
    page = admin_client.get(f"{PAGE}{key}/").content.decode()
    assert f'<a href="/admin/mailing/mailing/{mailing.pk}/change/">Morning tea</a>' in page


# --- Two panes ------------------------------------------------------------------------------------------


def test_a_letter_opens_beside_the_list_and_leads_to_its_neighbours(admin_client: Browser, directory: Path) -> None:
    keys = [arrive(directory, f"Tea {number}") for number in range(3)]
    page = admin_client.get(f"{PAGE}{keys[1]}/")
    assert [row.key for row in page.context["rows"]] == keys[::-1]
    assert (page.context["place"].newer, page.context["place"].older) == (keys[2], keys[0])
    assert page.content.decode().count('aria-current="page">\n      <span class="letters-head">') == 1
    assert [row.seen for row in admin_client.get(PAGE).context["rows"]] == [False, True, False]


def test_the_list_stands_at_the_letter_that_is_open(admin_client: Browser, directory: Path) -> None:
    keys = [arrive(directory, f"Tea {number}") for number in range(51)]
    assert admin_client.get(f"{PAGE}{keys[0]}/").context["page"].number == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ЗЕЛЕНЫЙ чай", 1),
        ("анна", 3),
        ("anna@MAIL", 3),
        ("plain words", 3),
        ("WORDS", 3),
        ("чай кофе", 0),
        ("' OR 1", 0),
    ],
)
def test_letters_are_found_by_subject_address_and_text(
    admin_client: Browser, directory: Path, words: str, found: int
) -> None:
    for subject in ("Зелёный чай", "Чай", "Coffee"):
        arrive(directory, f"=?utf-8?b?{b64encode(subject.encode()).decode()}?=")
    page = admin_client.get(PAGE, {"q": words})
    assert len(page.context["rows"]) == found
    assert found or "Nothing found for" in page.content.decode()
    first = page.context["rows"][0].key if found else ""
    assert not found or admin_client.get(f"{PAGE}{first}/", {"q": words}).context["page"].paginator.count == found


def test_a_search_longer_than_anybody_types_is_refused(admin_client: Browser, directory: Path) -> None:
    assert admin_client.get(PAGE, {"q": "x" * 201}).status_code == 400


def test_a_letter_is_taken_home_as_it_came(admin_client: Browser, directory: Path) -> None:
    answer = admin_client.get(f"{PAGE}{arrive(directory)}/file/")
    assert b"".join(answer) == LETTER.format(subject="Tea").encode()
    assert (answer["Content-Disposition"], answer["X-Content-Type-Options"]) == (
        'attachment; filename="letter.eml"',
        "nosniff",
    )


# --- Letters that mean harm -----------------------------------------------------------------------------

NESTED = "Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 3000
HOSTILE = {
    "a script": "Subject: <script>alert(1)</script>\nDelivered-To: <img src=x onerror=alert(1)>\n\n<script>\n",
    "ten thousand letters": f"Subject: {'ж' * 10_000}\n\nx\n",
    "from right to left": "Subject: \u202egnp.exe\u2066\nDelivered-To: \u202ea@b.example\n\nx\n",
    "nested": f"Subject: nested\n{NESTED}",
    "broken parts": 'Content-Type: multipart/mixed; boundary="\n\n--\n\nContent-Type: text/html; charset="\0"\n',
    "no such charset": 'Content-Type: text/html; charset="no-such"\n\n<p>\udc80</p>',
    "no such encoding": "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!!!\n",
    "empty": "",
    "zeros": "\0" * 1000,
    "ten thousand headers": "X-Much: more\n" * 10_000 + "\n",
    "five megabytes": "Subject: large\n\n" + "a line of text\n" * 350_000,
    "five megabytes of HTML": "Content-Type: text/html\n\n" + "<p>a line of text\n" * 290_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_letter_that_means_harm_does_none(admin_client: Browser, directory: Path, what: str) -> None:
    arrive(directory, "innocent")
    raw = HOSTILE[what].encode(errors="surrogateescape")
    key = Maildir(directory / "letters").add(raw)
    began = time.monotonic()
    listed = admin_client.get(PAGE)
    assert {row.key for row in listed.context["rows"]} >= {key}
    assert len(listed.content) < 60_000
    for tab in ("", "text", "headers", "source", "nonsense"):
        page = admin_client.get(f"{PAGE}{key}/", {"tab": tab})
        text = page.content.decode()
        assert page.status_code == 200
        assert len(text) < 500_000
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert admin_client.get(f"{PAGE}{key}/html/")["Content-Security-Policy"].endswith("sandbox")
    assert time.monotonic() - began < 20


def test_what_turns_letters_round_stays_within_its_own_field(admin_client: Browser, directory: Path) -> None:
    directory.mkdir()
    Maildir(directory / "letters").add(HOSTILE["from right to left"].encode())
    assert '<bdi class="letters-subject">\u202e' in admin_client.get(PAGE).content.decode()


# --- The index ------------------------------------------------------------------------------------------


def test_letters_that_come_and_go_are_noticed_and_a_broken_index_is_made_anew(
    admin_client: Browser, directory: Path
) -> None:
    def shown() -> list[str]:
        return [row.subject for row in admin_client.get(PAGE).context["rows"]]

    first = arrive(directory, "one")
    assert shown() == ["one"]
    arrive(directory, "two")
    assert shown() == ["two", "one"]
    (directory / "letters" / "new" / first).unlink()
    assert shown() == ["two"]
    (directory / "letters.index").write_bytes(b"nonsense" * 1000)
    assert shown() == ["two"]


def test_a_request_reads_in_as_much_as_it_may_and_says_what_is_left(
    admin_client: Browser, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        arrive(directory, f"Tea {number}")
    monkeypatch.setattr(letter_index, "READING", -1)
    assert "5 older letters are still being read in" in admin_client.get(PAGE).content.decode()
    monkeypatch.setattr(letter_index, "READING", 5)
    assert "still being read in" not in admin_client.get(PAGE).content.decode()


def test_looking_again_opens_no_letter(
    admin_client: Browser, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(directory)
    monkeypatch.setattr(letter_index, "SETTLED", -(10**18))
    admin_client.get(PAGE)
    monkeypatch.setattr(letter_index.os, "listdir", None)
    assert len(admin_client.get(PAGE).context["rows"]) == 1


def test_nothing_of_the_forgotten_stays_in_the_index(directory: Path, admin_client: Browser) -> None:
    arrive(directory, "Tea")
    admin_client.get(PAGE)
    StoredLetters(directory).drop(lambda text: "anna@mail.example" in text)
    assert not (directory / "letters.index").exists()
    assert "anna" not in admin_client.get(PAGE).content.decode()
