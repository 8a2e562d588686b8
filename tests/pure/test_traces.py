"""One person's address and name in other people's text: found in every form, and nobody else's touched."""

from __future__ import annotations

import base64
import json
import pickle
import sqlite3
import time
from urllib.parse import quote

import pytest

from mailing import links
from mailing.traces import Traces, without_addresses

ANNA = Traces(["anna+tea@x.ru", "anna@x.ru", "anna@xn--e1afmkfd.xn--p1ai"], ["Анна Ёлкина"], anywhere=True)
TOKEN = links.unsubscribe_url("anna@x.ru")

FOUND = [
    "anna@x.ru",
    "550 5.1.1 <Anna@X.RU>: unknown",
    "to=anna@x.ru, relay",
    "'anna@x.ru'",
    "_anna@x.ru_",
    "-anna@x.ru",
    "Anna@x.ru.",
    "mailto:anna@x.ru?subject=x",
    "550 rfc822;anna+2Btea@x.ru",
    "rfc822;anna+40x.ru",
    "/admin/?q=anna%40x.ru",
    "next=%2Fadmin%2F%3Fq%3Danna%2540x.ru",
    "q=anna%2Btea%40x.ru&p=1",
    "q=%D0%90%D0%BD%D0%BD%D0%B0+%D1%91%D0%BB%D0%BA%D0%B8%D0%BD%D0%B0",
    "<a>anna&#64;x.ru</a>",
    "anna=40x.ru",
    "bounce-7-anna=x.ru@relay.example",
    r"Traceback\nanna@x.ru\n",
    "anna@пример.рф",
    "ANNA@ПРИМЕР.РФ",
    "Аннa; АННА ЕЛКИНА, 1980",
    "анна_ёлкина.xlsx",
    "клиенты_anna@x.ru.csv",
    r"\u0410\u043d\u043d\u0430 \u0401\u043b\u043a\u0438\u043d\u0430",
    json.dumps([{"changed": {"name": "Анна Ёлкина"}}]),
    f"<{TOKEN}>",
    TOKEN.removesuffix("/"),
    "334 " + base64.b64encode(b"x anna@x.ru").decode(),
    "334 " + base64.urlsafe_b64encode(b"anna@x.ru;").decode(),
]
OTHERS = [
    "joanna@x.ru",
    "jo+anna@x.ru",
    "jo-anna@x.ru",
    "jo.anna@x.ru",
    "jo_anna@x.ru",
    "jo%2Banna%40x.ru",
    "anna@x.rural",
    "anna@x.ru.net",
    "anna@x.ru.csvs.example",
    "anna@x.ru-net.example",
    "anna@xx.ru",
    "Анна Ёлкинаs",
    "Анна",
    "334 " + base64.b64encode(b"x joanna@x.ru").decode(),
    links.unsubscribe_url("joanna@x.ru"),
    "100% of 25%zz",
    "",
]


@pytest.mark.parametrize("text", FOUND)
def test_a_trace_is_blanked_in_every_form(text: str) -> None:
    blanked = ANNA.blank(text)
    assert blanked != text
    assert "…" in blanked
    assert not ANNA.are_in(blanked)


@pytest.mark.parametrize("text", OTHERS)
def test_another_person_is_left_as_they_are(text: str) -> None:
    assert ANNA.blank(text) == text


def test_a_name_alone_is_a_trace_only_where_the_text_is_known_to_be_about_them() -> None:
    elsewhere = Traces(["anna@x.ru"], ["Clients imported", "Анна Ёлкина"])
    for text in ("Clients imported (new: 1)", "Анна Ёлкина", "Анна Ёлкина <namesake@x.ru>"):
        assert elsewhere.blank(text) == text
    assert elsewhere.blank("анна елкина (anna@x.ru)") == "… (…)"
    assert elsewhere.blank("import Анна Ёлкина, сентябрь.xlsx, 1 мая") == "import …, сентябрь.xlsx, 1 мая"


def test_around_a_trace_everything_stays() -> None:
    told = "550 <joanna@x.ru>, <Anna@X.ru>: no; see https://x.example/?q=anna%40x.ru&p=1"
    assert ANNA.blank(told) == "550 <joanna@x.ru>, <…>: no; see https://x.example/?q=…&p=1"


def test_what_json_holds_is_blanked_at_any_depth_and_numbers_stay() -> None:
    reasons = [{"examples": ["anna@x.ru", "joanna@x.ru"], "count": 2, "anna@x.ru": None}]
    assert ANNA.blank(reasons) == [{"examples": ["…", "joanna@x.ru"], "count": 2, "…": None}]


def test_a_pickle_is_searched_without_being_loaded() -> None:
    assert ANNA.are_in_bytes(pickle.dumps("anna@x.ru " * 10))
    assert ANNA.are_in_bytes(pickle.dumps({"error": "Key (email)=(ANNA@x.ru) exists"}))
    assert not ANNA.are_in_bytes(pickle.dumps("joanna@x.ru"))


def like(pattern: str, text: str) -> bool:
    """As SQLite's LIKE, which knows the cases of Latin letters only."""
    return bool(sqlite3.connect(":memory:").execute("SELECT ? LIKE ?", [text, pattern]).fetchone()[0])


@pytest.mark.parametrize("text", [text for text in FOUND if "анна_ёлкина" not in text])
def test_the_patterns_for_the_database_miss_no_form(text: str) -> None:
    assert any(like(pattern, text) for pattern in ANNA.likes())


def test_only_the_persons_own_address_is_shown_to_them() -> None:
    assert ANNA.only("550 <boris@x.ru> forwards to <anna@x.ru>") == "550 <…> forwards to <anna@x.ru>"


def test_a_text_can_be_stripped_of_all_addresses() -> None:
    assert without_addresses("550 5.1.1 <a@b.ru>: q=c%40d.ru no @ all") == "550 5.1.1 <…>: … no @ all"


def test_nobody_in_particular_is_found_nowhere() -> None:
    assert Traces([]).likes() == []
    assert Traces([], ["Анна"]).blank("Анна anna@x.ru") == "Анна anna@x.ru"


@pytest.mark.parametrize(
    "riddle",
    ["[" * 100_000, "[" * 400 + "]" * 400, "%" * 100_000, "a" * 100_000 + "%4", "-" * 100_000, quote("ж") * 20_000],
    ids=["open", "deep", "percent", "long", "dashes", "encoded"],
)
def test_no_text_takes_long(riddle: str) -> None:
    begun = time.monotonic()
    assert ANNA.blank(riddle) == riddle
    assert without_addresses(riddle) == riddle
    assert time.monotonic() - begun < 10  # measured: under half a second
