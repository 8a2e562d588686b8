"""How often somebody may guess, from where; and that nobody can use the limits to keep somebody else out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone

from backoffice.knocking import client_address
from mailing.choices import AccessKind
from mailing.models import AccessEvent
from mailing.services.access import limits
from tests.access.knocking import RIGHT, knock, member, through

pytestmark = pytest.mark.django_db

OWNER, THIEF = "198.51.100.1", "203.0.113.7"


def later(**by: int) -> None:
    """Time passes: all that is written is older."""
    for event in AccessEvent.objects.all():
        AccessEvent.objects.filter(pk=event.pk).update(at=event.at - timedelta(**by))


# --- The address ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", 1, "203.0.113.7"),  # the left one anybody may send
        ("198.51.100.1,203.0.113.7", 1, "203.0.113.7"),  # several headers, joined by the server
        ("forged, 198.51.100.1 , , 203.0.113.7 ", 1, "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7, 192.0.2.1", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "203.0.113.7"),  # past the outer proxy
        ("203.0.113.7:4711", 1, "203.0.113.7"),
        ("[2001:db8::7]:4711", 1, "2001:db8::7"),
        ('"[2001:db8::7]"', 1, "2001:db8::7"),
        ("::ffff:203.0.113.7", 1, "203.0.113.7"),
        ("fe80::1%eth0", 1, "fe80::1"),
        ("unknown", 1, "127.0.0.1"),
        ("203.0.113.7, <script>", 1, "127.0.0.1"),
        ("", 1, "127.0.0.1"),
        (", ,", 1, "127.0.0.1"),
    ],
)
def test_behind_a_proxy_the_right_most_entry_counts(
    settings: LazySettings, forwarded: str, proxies: int, address: str
) -> None:
    settings.TRUST_PROXY, settings.TRUSTED_PROXY_COUNT = True, proxies
    request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == address


@pytest.mark.parametrize("peer", ["203.0.113.7", ""])
def test_without_a_proxy_nobody_may_say_where_they_are(settings: LazySettings, peer: str) -> None:
    settings.TRUST_PROXY = False
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert client_address(request) == peer


# --- One place at one account -----------------------------------------------------------------------


def test_five_wrong_passwords_lock_out_here_and_nowhere_else(settings: LazySettings) -> None:
    """Behind a proxy everybody was 127.0.0.1, so anybody locked everybody out."""
    settings.TRUST_PROXY = True
    member()
    answers = [through(f"198.51.100.{number}, {THIEF}").status_code for number in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]
    assert through(THIEF, password=RIGHT).status_code == 429
    assert through(OWNER, password=RIGHT).status_code == 302


def test_addresses_of_one_ipv6_household_are_one() -> None:
    member()
    answers = [knock(at=f"2001:db8:0:1::{number:x}").status_code for number in range(5)]
    assert answers[-1] == 429
    assert knock(at="2001:db8:0:1:ffff::1", password=RIGHT).status_code == 429
    assert knock(at="2001:db8:0:2::1", password=RIGHT).status_code == 302


def test_a_lock_ends_by_itself_however_often_somebody_knocks_meanwhile() -> None:
    """One more guess each fourteen minutes made a lock last for ever."""
    member()
    for _minute in range(5):
        knock()
    for _quarter in range(3):
        later(minutes=4)
        assert knock().status_code == 429
    later(minutes=4)
    assert knock(password=RIGHT).status_code == 302


def test_the_page_says_when_and_the_header_too() -> None:
    member()
    for _minute in range(4):
        knock()
    locked = knock()
    local = timezone.localtime(timezone.now() + limits.ONE_PLACE.within)
    assert abs(int(locked["Retry-After"]) - 900) < 5
    assert (
        f"{local:%H:%M}" in locked.content.decode()
        or f"{local - timedelta(minutes=1):%H:%M}" in locked.content.decode()
    )


# --- Many places at one account ---------------------------------------------------------------------


def test_forty_guesses_from_ten_addresses_are_not_all_answered() -> None:
    member()
    answers = [knock(at=f"203.0.113.{number % 10}").status_code for number in range(40)]
    assert answers.count(200) + 1 == limits.ONE_ACCOUNT.failures
    assert set(answers[limits.ONE_ACCOUNT.failures :]) == {429}


def test_strangers_who_guess_all_day_keep_the_owner_out_of_no_known_device() -> None:
    member()
    mine = Browser()
    assert knock(mine, password=RIGHT, at=OWNER).status_code == 302
    later(days=60)  # the address is a stranger's again, the device is not
    for number in range(40):
        knock(at=f"203.0.113.{number % 10}")
    assert knock(password=RIGHT, at="192.0.2.9").status_code == 429  # what strangers are told
    mine.post("/admin/logout/")
    assert knock(mine, password=RIGHT, at="192.0.2.9").status_code == 302


def test_nor_of_an_address_the_owner_was_at_lately() -> None:
    member()
    knock(password=RIGHT, at=OWNER)
    for number in range(40):
        knock(at=f"203.0.113.{number % 10}")
    assert knock(password=RIGHT, at=OWNER).status_code == 302


def test_a_thief_at_the_same_address_does_not_keep_a_known_device_out() -> None:
    member()
    mine = Browser()
    knock(mine, password=RIGHT, at=OWNER)
    for _try in range(30):
        knock(at=OWNER)
    assert knock(password=RIGHT, at=OWNER).status_code == 429
    assert knock(mine, password=RIGHT, at=OWNER).status_code == 302


def test_a_known_device_may_guess_as_little_as_others() -> None:
    member()
    stolen = Browser()
    knock(stolen, password=RIGHT)
    stolen.post("/admin/logout/")
    answers = [knock(stolen, at=f"203.0.113.{number}").status_code for number in range(10)]
    assert answers.count(200) == limits.ONE_PLACE.failures - 1


@pytest.mark.parametrize("cookie", ["forged", "eyJ4IjoxfQ:1abc:def", "x" * 5000])
def test_a_forged_device_is_no_device(cookie: str) -> None:
    member()
    for number in range(40):
        knock(at=f"203.0.113.{number % 10}")
    browser = Browser()
    browser.cookies["known"] = cookie
    assert knock(browser, password=RIGHT, at="192.0.2.9").status_code == 429


def test_the_device_of_one_user_opens_nothing_of_another() -> None:
    member("anna")
    member("boris")
    thief = Browser()
    knock(thief, name="boris", password=RIGHT)
    thief.post("/admin/logout/")
    answers = [knock(thief, name="anna", at=f"192.0.2.{number}").status_code for number in range(40)]
    assert answers.count(200) + 1 == limits.ONE_ACCOUNT.failures


# --- One address at many accounts -------------------------------------------------------------------


def test_thirty_accounts_from_one_address_are_not_all_answered() -> None:
    answers = [knock(name=f"user{number}").status_code for number in range(30)]
    assert answers.count(200) + 1 == limits.ONE_ADDRESS.failures


def test_success_at_ones_own_account_buys_no_guesses_at_others() -> None:
    member("boris")
    answers = []
    for number in range(30):
        answers.append(knock(name=f"user{number}").status_code)
        knock(name="boris", password=RIGHT)
    assert answers.count(200) + 1 == limits.ONE_ADDRESS.failures


def test_a_name_nobody_has_is_answered_like_one_that_somebody_has() -> None:
    member("anna")
    for name in ("anna", "nobody-at-all"):
        AccessEvent.objects.all().delete()
        assert [knock(name=name).status_code for _try in range(6)] == [200, 200, 200, 200, 429, 429]


def test_who_knocks_all_night_while_locked_out_fills_no_table() -> None:
    member()
    for _try in range(60):
        knock()
    assert AccessEvent.objects.filter(kind=AccessKind.REFUSED).count() == 1
    assert AccessEvent.objects.count() < 10
