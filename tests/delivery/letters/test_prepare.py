from __future__ import annotations

import pytest
from django.utils import translation

from mailing import placeholders
from mailing.delivery.letters.prepare import inline, prepare, to_text
from mailing.models import Message

LEAVE = '<a href="{{ unsubscribe_url }}">leave</a>'


def page(body: str, text_body: str = "") -> Message:
    return Message(subject="News", body=body, is_html=True, text_body=text_body)


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


def test_thousands_of_elements_within_each_other_do_not_end_the_process() -> None:
    html = "<div>" * 20_000 + "{{ greeting }}"
    prepared = prepare(page(html))
    assert prepared.html_body.startswith(html)


def test_thousands_of_fields_survive() -> None:
    html = "<p>{{ greeting }}</p>" * 3_000
    prepared = prepare(page(html))
    assert prepared.html_body.count("{{ greeting }}") == 3_000
    assert prepared.text_body.count("{{ greeting }}") == 3_000
