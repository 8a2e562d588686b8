from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing import addresses


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Anna@Example.RU ", "anna@example.ru"),
        ("anna@example.ru\u200b", "anna@example.ru"),
        ("\ufeffanna@example.ru", "anna@example.ru"),
        ("\u00a0anna@example.ru\u00a0", "anna@example.ru"),
        ("Info@Пример.РФ", "info@xn--e1afmkfd.xn--p1ai"),
        ("info@XN--E1AFMKFD.xn--p1ai", "info@xn--e1afmkfd.xn--p1ai"),
        ("info@bücher.de", "info@xn--bcher-kva.de"),
        ("info@bu\u0308cher.de", "info@xn--bcher-kva.de"),
        ("info@straße.de", "info@xn--strae-oqa.de"),
        ("no address", "no address"),
        ("a@b..рф", "a@b..рф"),
        ("", ""),
    ],
)
def test_an_address_has_one_stored_form(typed: str, stored: str) -> None:
    assert addresses.normalize(typed) == stored


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = addresses.normalize(text)
    assert addresses.normalize(once) == once


@pytest.mark.parametrize(
    "cell",
    [
        "a@b.ru",
        "Имя <a@b.ru>",
        '"Иванов, И. <и.о.>" <A@B.ru>',
        "<a@b.ru>",
        "mailto:a@b.ru",
        "MAILTO:a@b.ru?subject=Hi",
        "Имя <mailto:a@b.ru>",
        "a@b.ru;",
        " 'a@b.ru', ",
        "(a@b.ru)",
        "«a@b.ru»",
        "Имя <a@b.ru>;",
    ],
)
def test_an_address_is_found_in_what_people_paste(cell: str) -> None:
    assert addresses.extract(cell) == "a@b.ru"


@pytest.mark.parametrize(
    "address",
    [
        "a@b.ru",
        "a.b+tag@sub.example.co.uk",
        "o'neil@example.com",
        "x@xn--e1afmkfd.xn--p1ai",
        "_x_@example.com",
        "a@1.example.ru",
        "a" * 64 + "@example.ru",
        "1@2.ru",
        "a@" + ".".join(["d" * 60] * 4) + ".ru",
    ],
)
def test_plain_smtp_carries(address: str) -> None:
    assert addresses.is_valid(address)
    assert addresses.normalize(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b.ru",
        "a@",
        "a@b",
        "a@localhost",
        "a@b@c.ru",
        "a b@c.ru",
        "a@b .ru",
        ".a@b.ru",
        "a.@b.ru",
        "a..b@c.ru",
        "a@.ru",
        "a@b..ru",
        "a@b.ru.",
        "a@-b.ru",
        "a@b-.ru",
        "a@b_c.ru",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        '"a b"@c.ru',
        "a@b.ru\n",
        "a@b.ru\r\nRCPT TO:<x@y.ru>",
        "a\0@b.ru",
        "<a@b.ru>",
        "a@b.ru>",
        "a,b@c.ru",
        "a;b@c.ru",
        "a:b@c.ru",
        "a@b,ru",
        "иван@b.ru",
        "a@пример",
        "a@ехample\u0301.ru>",
        "a" * 65 + "@example.ru",
        "a@" + "d" * 64 + ".ru",
        "a@" + ".".join(["d" * 60] * 5) + ".ru",
        "a@b.ru\u2028",
        "a@b.1",
        "ſ@b.ru",
        "a@\u212a.ru",
    ],
)
def test_plain_smtp_does_not_carry(address: str) -> None:
    assert not addresses.is_valid(address)


def test_a_unicode_domain_is_carried_in_ascii_and_shown_in_its_own_letters() -> None:
    assert addresses.normalize("info@пример.рф") == "info@xn--e1afmkfd.xn--p1ai"
    assert addresses.display("info@xn--e1afmkfd.xn--p1ai") == "info@пример.рф"
    assert addresses.display("info@xn--zzzzzzz-.ru") == "info@xn--zzzzzzz-.ru"
    assert not addresses.is_valid(addresses.normalize("иван@пример.рф"))


@given(st.text(max_size=100))
def test_nothing_that_is_carried_can_hold_a_second_command(text: str) -> None:
    wire = addresses.normalize(text)
    harmless = wire.isascii() and wire.isprintable() and not set(' <>"\\,;:()[]') & set(wire)
    assert harmless or not addresses.is_valid(wire)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Samovar <s@b.ru>", "Samovar", "s@b.ru"),
        ("s@b.ru", "", "s@b.ru"),
        ("Рога, копыта и Ко <s@b.ru>", "Рога, копыта и Ко", "s@b.ru"),
        ('"Say \\"hi\\"" <s@b.ru>', 'Say "hi"', "s@b.ru"),
        ("=?utf-8?b?0KHQsNC80L7QstCw0YA=?= <s@b.ru>", "Самовар", "s@b.ru"),
        ("=?utf-8?q?x?= é <s@b.ru>", "=?utf-8?q?x?= é", "s@b.ru"),  # no encoded word, though it looks like one
        ("=?nope?q?x?= <s@b.ru>", "=?nope?q?x?=", "s@b.ru"),
        ("=?utf-8?q?=ff?= <s@b.ru>", "=?utf-8?q?=ff?=", "s@b.ru"),
    ],
)
def test_a_sender_is_split_into_name_and_address(text: str, name: str, address: str) -> None:
    assert addresses.split(text) == (name, address)


def test_the_domain_stands_behind_the_last_at() -> None:
    assert addresses.domain("a@b.ru") == "b.ru"
    assert addresses.domain("nothing") == ""


def test_a_masked_address_is_known_to_its_owner_alone() -> None:
    assert addresses.masked("maria@example.ru") == "m•••@example.ru"
    assert addresses.masked("m@xn--e1afmkfd.xn--p1ai") == "m•••@пример.рф"
