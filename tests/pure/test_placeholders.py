from __future__ import annotations

import html

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from mailing import placeholders
from mailing.placeholders import Field, Invalid, fill, parse, problems


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("Hi {{ greeting }}!", ["Hi ", Field("greeting"), "!"]),
        ("{{greeting}}{{email}}", [Field("greeting"), Field("email")]),
        ("{{\n  greeting\n}}", [Field("greeting")]),
        ("{{&nbsp;greeting\u00a0}}", [Field("greeting")]),
        ('{{ full_name|default:"friend" }}', [Field("full_name", "friend")]),
        ("{{ full_name | default : 'friend' }}", [Field("full_name", "friend")]),
        ("{{ full_name|default:«друг» }}", [Field("full_name", "друг")]),
        ("{{ full_name|default:“friend” }}", [Field("full_name", "friend")]),
        ("{{ full_name|default:&quot;Tom &amp; Co&quot; }}", [Field("full_name", "Tom & Co")]),
        ('{{ full_name|default:"" }}', [Field("full_name")]),
        ('{{ full_name|default:"a|b {x}" }}', [Field("full_name", "a|b {x}")]),
        ("@media print{a{b:c}} {#id{x:y}}", ["@media print{a{b:c}} {#id{x:y}}"]),
        ("100 % {sure} } {", ["100 % {sure} } {"]),
    ],
)
def test_a_text_is_cut_into_literals_and_fields(text: str, parts: list[str | Field]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize(
    ("text", "code", "nearest"),
    [
        ("{{ fullname }}", "unknown", "full_name"),
        ("{{ gretting }}", "unknown", "greeting"),
        ("{{ Email }}", "unknown", "email"),
        ("{{ unsubscribe }}", "unknown", "unsubscribe_url"),
        ("{{ имя }}", "unknown", "full_name"),
        ("{{ nmae }}", "unknown", "full_name"),
        ("{{ zzz }}", "unknown", ""),
        ("{{ email.__class__ }}", "unknown", "email"),
        ("{{ <b>email</b> }}", "unknown", "email"),
        ('{{ nam|default:"x" }}', "unknown", "full_name"),
        ("{{ email|upper }}", "filter", "email"),
        ("{{ email|default }}", "filter", "email"),
        ("{{ email|default:friend }}", "filter", "email"),
        ('{{ email|default:"x"|upper }}', "filter", "email"),
        ("{{ }}", "broken", ""),
        ("{{}}", "broken", ""),
        ("Hi {{ greeting", "broken", ""),
        ("{{ greeting }", "broken", ""),
        ("{ greeting }}", "broken", ""),
        ("{greeting}", "broken", ""),
        ("{{ greeting {{ email }}", "broken", ""),
        ("{% if x %}", "tag", ""),
        ('{% include "/etc/passwd" %}', "tag", ""),
        ("{% unclosed", "tag", ""),
        ("{# comment #}", "tag", ""),
    ],
)
def test_what_looks_like_a_field_and_is_none_is_said(text: str, code: str, nearest: str) -> None:
    found = problems(text)[0]
    assert (found.code, found.nearest) == (code, nearest)
    with pytest.raises(Invalid) as raised:
        parse(text)
    assert raised.value.errors[0].code == code


def test_every_problem_is_listed_with_a_sentence_that_says_what_to_do() -> None:
    found = problems("{{ fullname }} and {{ zzz }} and {% x %}")
    assert [str(problem.sentence) for problem in found] == [
        "There is no field “fullname”. Did you mean {{ full_name }} (full name)?",
        "There is no field “zzz”. The fields are: {{ greeting }} (how the client is addressed), "
        "{{ full_name }} (full name), {{ email }} (e-mail), {{ unsubscribe_url }} (link to unsubscribe).",
        "“{% x %}”: tags are not supported. Only fields can be filled: {{ greeting }}.",
    ]


def test_a_sentence_is_translated_when_it_is_printed_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems("{{ fullname }}")[0]
    monkeypatch.setattr(placeholders, "gettext", lambda msgid: f"[{translation.get_language()}] {msgid}")
    with translation.override("ru"):
        assert str(found.sentence).startswith("[ru] There is no field “fullname”")


def test_a_sentence_shows_a_long_text_cut() -> None:
    assert len(str(problems("{% " + "x" * 100_000)[0].sentence)) < 200
    assert len(str(problems("{{ " + "x" * 100_000 + " }}")[0].sentence)) < 300


@given(st.text(alphabet=st.sampled_from("{}%# |:\"'aegritn_&;«\n"), max_size=60))
def test_any_text_either_has_problems_or_can_be_written_again(text: str) -> None:
    if problems(text):
        with pytest.raises(Invalid):
            parse(text)
        return
    parts = parse(text)
    again = "".join(placeholders.source(part) if isinstance(part, Field) else part for part in parts)
    assert parse(again) == parts


@given(st.text(min_size=1).filter(lambda text: "}}" not in text and "{{" not in text and text.strip() == text))
def test_a_default_survives_being_written_and_read(default: str) -> None:
    field = Field("full_name", default)
    if not problems(placeholders.source(field)):
        assert parse(placeholders.source(field)) == [field]


HOSTILE = "{{ email }}{% x %}<b>&\"'\r\nBcc: x@y.ru\0"


def test_a_value_is_never_read_as_a_text() -> None:
    parts = parse("{{ greeting }}|{{ email }}")
    assert fill(parts, {"greeting": HOSTILE, "email": "a@b.ru"}) == "{{ email }}{% x %}<b>&\"' Bcc: x@y.ru|a@b.ru"


def test_a_value_is_escaped_in_html() -> None:
    filled = fill(parse("<p>{{ greeting }}</p>"), {"greeting": HOSTILE}, as_html=True)
    assert filled == f"<p>{html.escape(placeholders.tidy(HOSTILE))}</p>"
    assert "<b>" not in filled


def test_an_empty_or_missing_value_becomes_the_default() -> None:
    parts = parse('{{ full_name|default:"<friend>" }}')
    assert fill(parts, {"full_name": " \n "}) == "<friend>"
    assert fill(parts, {}, as_html=True) == "&lt;friend&gt;"
    assert fill(parts, {"full_name": "Anna"}) == "Anna"


@given(st.text(max_size=2000))
def test_a_tidy_value_is_one_bounded_line(value: str) -> None:
    tidied = placeholders.tidy(value)
    assert len(tidied) <= placeholders.MAX_VALUE
    assert tidied.splitlines() in ([tidied], [])
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in tidied)
    assert placeholders.tidy(tidied) == tidied
    tidied.encode()


def test_a_tidy_value_keeps_what_people_are_called() -> None:
    for name in ("Иван Петрович", "O'Neil", "Zoë", "👩‍👩‍👧 family", "क्षत्रिय", "محمد"):
        assert placeholders.tidy(name) == name


def test_names_are_the_fields_of_a_text() -> None:
    assert placeholders.names("{{ email }} {{ email }} {{ greeting }}") == {"email", "greeting"}
    assert set(placeholders.FIELDS) == {"greeting", "full_name", "email", "unsubscribe_url"}
