from __future__ import annotations

import pytest

from mailing import letterhtml
from mailing.letterchecks import LONGEST, Level, Remark, check

LEAVE = '<a href="{{ unsubscribe_url }}">leave</a>'


def looked_at(body: str, *, subject: str = "News", is_html: bool = True, text_body: str = "") -> list[Remark]:
    """Read here, in this process: none of these letters is dangerous."""
    seen = letterhtml.work(body, mark="{{", wants_text=False)["codes"] if is_html else ()
    return check(subject=subject, body=body, is_html=is_html, text_body=text_body, seen=seen)


def codes(body: str, *, subject: str = "News", is_html: bool = True, text_body: str = "") -> set[str]:
    return {finding.code for finding in looked_at(body, subject=subject, is_html=is_html, text_body=text_body)}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "empty_body"),
        ("<p>&nbsp;</p><style>a{b:c}</style>", "empty_body"),
        ("<p>x</p><script>alert(1)</script>", "script"),
        ("<p>x</p><SCRIPT src=//x.ru/y.js></SCRIPT>", "script"),
        ("<p>x</p><form action=x>", "form"),
        ("<p>x</p><iframe src=x></iframe>", "frame"),
        ("<frameset><frame src=x></frameset>x", "frame"),
        ("<p>x</p><object data=x></object>", "frame"),
        ("<p>x</p><embed src=x>", "frame"),
        ("<p onclick='x()'>x</p>", "handler"),
        ("<img src=x ONERROR=x>", "handler"),
        ("<img/onload=x src=y>", "handler"),
        ("<a href='javascript:x()'>x</a>", "javascript"),
        ("<a href=' JaVa\n\tScript:x()'>x</a>", "javascript"),
        ("<a href='java&#115;cript:x()'>x</a>", "javascript"),
        ("<a href='java&Tab;script:x()'>x</a>", "javascript"),
        ("<div>" * 300 + "x", "too_deep"),
        ("<p>x {{ nobody }}</p>", "placeholder_unknown"),
        ("<p>x {% if y %}</p>", "placeholder_tag"),
    ],
)
def test_what_no_letter_may_hold_is_an_error(body: str, code: str) -> None:
    errors = {finding.code for finding in looked_at(body) if finding.is_error}
    assert errors == {code}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<a href='https://x.ru'><img src='https://x.ru/a.png' alt=shop></a>", "no_text_link"),
        (f"<img src='http://x.ru/a.png'>{LEAVE}", "http_image"),
        (f"<td background='http://x.ru/a.png'>x{LEAVE}</td>", "http_image"),
        (f"<p style='background:url( \"http://x.ru/a.png\")'>x</p>{LEAVE}", "http_image"),
        (f"<style>p{{background:URL(http://x.ru/a.png)}}</style>x{LEAVE}", "http_image"),
        ("ы" * 52_000 + LEAVE, "clipped"),
        (f"<table>{{{{ greeting }}}}<tr><td>x</td></tr></table>{LEAVE}", "field_in_table"),
        (f"<table><tr>{{{{ greeting }}}}<td>x</td></tr></table>{LEAVE}", "field_in_table"),
    ],
)
def test_what_is_worth_a_thought_is_a_warning(body: str, code: str) -> None:
    found = looked_at(body)
    assert code in {finding.code for finding in found}
    assert all(finding.level is Level.WARNING for finding in found)


@pytest.mark.parametrize(
    "body",
    [
        f"<p>Hello, {{{{ greeting }}}}</p>{LEAVE}",
        f"<table><tr><td>{{{{ greeting }}}}</td></tr></table>{LEAVE}",
        f"<table><tr><td><img src=https://x.ru/a.png><br>{{{{ email }}}}</td></table>{LEAVE}",
        f"<!--[if mso]><script>x</script><![endif]--><p>x</p>{LEAVE}",
        f"<p title='<script>'>formal information, once</p>{LEAVE}",
        f"<p>javascript: the good parts</p>{LEAVE}",
        f"<style>@media(max-width:600px){{a{{b:c}}}}</style>x{LEAVE}",
        f"<a href='http://x.ru'>a link may be http</a>{LEAVE}",
    ],
)
def test_a_good_letter_is_left_alone(body: str) -> None:
    assert codes(body) == set()


def test_a_plain_letter_is_not_read_as_html() -> None:
    body = "<script> in plain text is text {{ unsubscribe_url }}"
    assert codes(body, is_html=False) == set()
    assert codes(" \n ", is_html=False) == {"empty_body"}


def test_a_letter_without_a_way_to_leave_gets_a_line_and_a_word_about_it() -> None:
    assert codes("Hello", is_html=False) == {"no_way_to_leave"}


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("СКИДКИ ДО ПЯТНИЦЫ", {"subject_capitals"}),
        ("Скидки ДО пятницы", set()),
        ("США", set()),
        ("{{ greeting }}, СКИДКИ", {"subject_capitals"}),
        ("x" * 60, set()),
        ("x" * 61, {"subject_long"}),
        ("{{ nobody }}", {"placeholder_unknown"}),
    ],
)
def test_a_subject_is_looked_at(subject: str, found: set[str]) -> None:
    assert codes(f"<p>x</p>{LEAVE}", subject=subject) == found


def test_each_finding_names_its_field_and_stands_once_errors_first() -> None:
    found = check(subject="{{ a }}", body="x {{ b }} {{ b }}", is_html=False, text_body="{{ c }}")
    assert [(finding.field, finding.is_error) for finding in found] == [
        ("subject", True),
        ("body", True),
        ("text_body", True),
        ("body", False),
    ]


@pytest.mark.parametrize("name", ["body", "text_body"])
@pytest.mark.parametrize("char", ["x", "ы"])
def test_what_is_longer_than_any_letter_is_an_error_and_nothing_else_is_looked_at(name: str, char: str) -> None:
    size = LONGEST // len(char.encode())
    texts = {"body": "x", "text_body": "", name: char * size}
    assert not [finding for finding in check(subject="", is_html=False, **texts) if finding.is_error]
    texts[name] += char + "{{ nobody }}"
    assert [(finding.code, finding.field) for finding in check(subject="", is_html=False, **texts)] == [
        ("too_long", name)
    ]
