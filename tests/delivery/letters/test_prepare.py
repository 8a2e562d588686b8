from __future__ import annotations

import resource
import time

import pytest
from django.utils import translation

from mailing import placeholders
from mailing.choices import Hindrance
from mailing.delivery.letters.prepare import LARGEST, Judged, Prepared, Unsendable, check, judge
from mailing.delivery.letters.prepare import prepare as put_together
from mailing.letterchecks import LONGEST
from mailing.models import Message

LEAVE = '<a href="{{ unsubscribe_url }}">leave</a>'


def page(body: str, text_body: str = "") -> Message:
    return Message(subject="News", body=body, is_html=True, text_body=text_body)


def prepare(message: Message) -> Prepared:
    """As a run does it whose message nobody knows."""
    check(message)
    judged = judge(message.body, wants_text=not message.text_body) if message.is_html else None
    return put_together(message, judged)


def inline(html: str) -> str:
    return judge(html, wants_text=False).html


def to_text(html: str) -> str:
    return judge(html, wants_text=True).text


def test_styles_stand_on_the_elements() -> None:
    html = inline("<style>p{color:red}</style><p>x</p>")
    assert '<p style="color: red;">x</p>' in html


def test_what_cannot_stand_on_an_element_stays_in_the_sheet() -> None:
    html = inline("<style>p{color:red} @media (max-width:600px){p{color:blue}} a:hover{color:green}</style><p>x</p>")
    assert "@media" in html
    assert ":hover" in html


@pytest.mark.parametrize("href", ["http://127.0.0.1:1/a.css", "file:///etc/passwd", "//example.invalid/a.css"])
def test_no_style_sheet_is_fetched(href: str) -> None:
    assert "root:" not in inline(f'<link rel="stylesheet" href="{href}"><p>x</p>')


@pytest.mark.parametrize(
    "field",
    ["{{ greeting }}", "{{ full_name|default:&quot;A &amp; B&quot; }}", "{{ full_name|default:'x<y>' }}"],
)
def test_fields_survive_in_text_and_attributes(field: str) -> None:
    html = inline(f'<p title="{field}">{field}</p><a href="{{{{ unsubscribe_url }}}}">x</a>')
    wanted = placeholders.parse(field)
    found = [part for part in placeholders.parse(html) if isinstance(part, placeholders.Field)]
    assert found == [*wanted, *wanted, placeholders.Field("unsubscribe_url")]
    assert 'href="{{ unsubscribe_url }}"' in html


def test_conditional_comments_for_outlook_survive() -> None:
    assert "<!--[if mso]><table><![endif]-->" in inline("<p>x</p><!--[if mso]><table><![endif]-->")


def test_a_missing_text_version_is_made_with_the_addresses_of_links() -> None:
    text = to_text(
        "<h1>Новости</h1><p>Здравствуйте, {{ greeting }}!<br>Наш <a href='https://x.ru/a?b=1&amp;c=2'>сайт</a>,"
        " <a href='https://y.ru'>https://y.ru</a></p><style>p{}</style><a href='{{ unsubscribe_url }}'>Отписаться</a>"
    )
    assert "Здравствуйте, {{ greeting }}!\n" in text
    assert "сайт: https://x.ru/a?b=1&c=2" in text
    assert text.count("https://y.ru") == 1
    assert "Отписаться: {{ unsubscribe_url }}" in text
    assert "p{}" not in text


def test_an_own_text_version_is_kept() -> None:
    prepared = prepare(page(f"<p>x</p>{LEAVE}", text_body="Own words. {{ unsubscribe_url }}"))
    assert prepared.text_body == "Own words. {{ unsubscribe_url }}"


def test_a_plain_message_has_no_html() -> None:
    prepared = prepare(
        Message(subject="News", body="<b>{{ greeting }}</b> {{ unsubscribe_url }}", text_body="left over")
    )
    assert prepared == ("News", "", "<b>{{ greeting }}</b> {{ unsubscribe_url }}")


def test_every_version_without_a_way_to_leave_gets_one() -> None:
    """Rule 12 of a run."""
    prepared = prepare(page("<html><body><p>x</p></body></html>", text_body="x"))
    assert prepared.html_body.count("{{ unsubscribe_url }}") == 1
    assert prepared.html_body.index("{{ unsubscribe_url }}") < prepared.html_body.index("</body>")
    assert prepared.text_body == "x\n\nUnsubscribe from these letters: {{ unsubscribe_url }}\n"
    plain = prepare(Message(subject="s", body="x"))
    assert plain.text_body.count("{{ unsubscribe_url }}") == 1


def test_no_line_is_added_where_the_letter_has_its_own() -> None:
    prepared = prepare(page(f"<p>x</p>{LEAVE}"))
    assert prepared.html_body.count("{{ unsubscribe_url }}") == 1
    assert prepared.text_body == "x\n\nleave: {{ unsubscribe_url }}\n"


def test_the_line_is_in_the_language_of_the_installation_whoever_sends() -> None:
    with translation.override("ru"):
        assert "Unsubscribe" in prepare(Message(subject="s", body="x")).text_body  # the tests' LANGUAGE_CODE is en


@pytest.mark.parametrize("message", [page("{{ nobody }}"), Message(subject="{{ nobody }}", body="x")])
def test_a_message_that_nobody_checked_is_refused(message: Message) -> None:
    with pytest.raises(placeholders.Invalid):
        prepare(message)


@pytest.mark.parametrize("body", ["", "   ", "<!-- only a comment -->", "<p>unclosed", "<style>p{color:</style><p>x"])
def test_odd_html_is_no_trouble(body: str) -> None:
    prepared = prepare(page(body))
    assert "{{ unsubscribe_url }}" in prepared.text_body
    assert "{{ unsubscribe_url }}" in prepared.html_body


# What each of them did to the process that read it is in the comment; now it happens to a child, or not at all.
HOSTILE = {
    "a deep tree": ("<div>" * 20_000 + "x", Hindrance.TOO_DEEP),
    # a guard that counted tags believed in the closing ones: css-inline overflowed its stack
    "tags closed in comments": (
        "<svg><style>" + ("<g>" * 3900 + "<!--" + "</g>" * 3900 + "-->") * 5,
        Hindrance.TOO_DEEP,
    ),
    "tags closed across a div": (("<x>" * 3900 + "<div>" + "</x>" * 3900) * 5, Hindrance.TOO_DEEP),
    "closing tags that close nothing": ("<b>" * 20_000 + "</i>" * 100_000, Hindrance.TOO_DEEP),  # 8 s, the square
    # every paragraph opens the fonts before it anew, and each of them carries a long default
    "a default repeated": (
        "<p>"
        + "".join(f"<font a{n}=\"{{{{ full_name|default:'{'y' * 4000}' }}}}\">" for n in range(60))
        + "<p>x" * 300,
        Hindrance.TOO_LARGE,
    ),
    "a wide table": (
        "<table><tr><td>" + "x" * 100_000 + "</td></tr>" + "<tr><td>y" * 100 + "</table>",
        Hindrance.TOO_LARGE,
    ),
    "ampersands": ("&" * 500_000, Hindrance.TOO_LARGE),
    "templates": ("<template>" * 50_000, Hindrance.TOO_COSTLY),  # overflows the stack of css-inline
    "style rules": (  # ten seconds and all memory
        "<style>p{" + "".join(f"a{n}:b;" for n in range(20_000)) + "}</style>" + "<p>x" * 20_000,
        Hindrance.TOO_COSTLY,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_letter_that_would_end_or_hold_the_process_is_refused_in_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 6 of a run."""
    monkeypatch.setattr("mailing.delivery.letters.prepare.SECONDS", 3)
    html, why = HOSTILE[name]
    begun, before = time.monotonic(), _megabytes()
    judged = judge(LEAVE + html, wants_text=True)
    assert (judged.problem, judged.html, judged.text) == (why, "", "")
    assert why.value in judged.remarks
    with pytest.raises(Unsendable) as refused:
        put_together(page(html), judged)
    assert str(refused.value).startswith(("The letter", "Made ready"))
    assert time.monotonic() - begun < 60
    assert _megabytes() - before < 32


def _megabytes() -> float:
    """The most this process has had at once, so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Linear now: with the square of their length they took 5 s and more, or would never have ended.
@pytest.mark.parametrize(
    "html", ["<body " * 40_000, f'<p style="background:url({" " * 400_000}x">x', "<i>x</i>" * 60_000, "[" * 400_000]
)
def test_a_long_letter_takes_no_time(html: str) -> None:
    begun = time.monotonic()
    assert judge(html, wants_text=True).problem is None
    assert time.monotonic() - begun < 10


def test_two_hundred_elements_within_each_other_are_a_letter_and_one_more_is_none() -> None:
    assert judge("<div>" * 200 + "x", wants_text=False).problem is None
    assert judge("<div>" * 201 + "x", wants_text=False).problem is Hindrance.TOO_DEEP
    assert judge("<p>x</p>" * 3000 + "<div>" * 201 + "x", wants_text=False).problem is Hindrance.TOO_DEEP


@pytest.mark.parametrize("is_html", [True, False])
def test_a_text_that_no_form_has_seen_is_bounded_too(is_html: bool) -> None:
    with pytest.raises(Unsendable) as refused:
        check(Message(subject="s", body="ы" * LONGEST, is_html=is_html))
    assert refused.value.why is Hindrance.TOO_LONG
    check(Message(subject="s", body="x", is_html=False, text_body="{{ left }} over"))


def test_what_a_child_may_hand_over_is_bounded() -> None:
    assert LARGEST > 2 * 1024 * 1024
    assert Judged(problem=Hindrance.TOO_DEEP, codes=frozenset({"script"})).remarks == {"script", "too_deep"}


def test_thousands_of_fields_survive() -> None:
    html = "<p>{{ greeting }}</p>" * 3_000
    prepared = prepare(page(html))
    assert prepared.html_body.count("{{ greeting }}") == 3_000
    assert prepared.text_body.count("{{ greeting }}") == 3_000
