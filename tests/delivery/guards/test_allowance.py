"""The allowance: fewer at once, one more after a while, and remembered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailing.delivery.guards.allowance import GROW, IN_VAIN, LONGEST, LONGEST_REST, REST, Allowance, recall, remember
from mailing.models import MailService

NOW = timezone.now()


def test_a_refused_connection_leaves_those_that_work() -> None:
    allowance = Allowance(20)
    allowance.full(3)
    assert (allowance.lines, allowance.patience) == (3, GROW)
    allowance.full(0)
    assert allowance.lines == 1


def test_who_was_let_in_at_the_same_time_stays() -> None:
    allowance = Allowance(20)
    allowance.full(2)
    allowance.let_in(3)
    assert allowance.lines == 3
    allowance.let_in(30)
    assert allowance.lines == 20


def test_an_answer_about_speed_halves_the_lines_in_use_down_to_one() -> None:
    allowance = Allowance(20)
    found = []
    for _ in range(4):
        allowance.too_fast(allowance.lines, 0)
        found.append(allowance.lines)
    assert found == [10, 5, 2, 1]


def test_rests_grow_while_nothing_is_accepted_and_shrink_again() -> None:
    allowance = Allowance(20)
    assert [allowance.too_fast(1, 0) for _ in range(6)] == [REST, 2, 4, 8, LONGEST_REST, LONGEST_REST]
    assert [allowance.too_fast(1, n) for n in range(1, 6)] == [8, 4, 2, REST, REST]


def test_so_many_letters_in_vain_are_trouble_but_not_one_letter_again_and_again() -> None:
    allowance = Allowance(20)
    for _ in range(2 * IN_VAIN):
        allowance.too_fast(1, 0, is_news=False)
    assert not allowance.is_in_vain
    for _ in range(IN_VAIN):
        allowance.too_fast(1, 0)
    assert allowance.is_in_vain
    allowance.too_fast(1, 1)
    assert not allowance.is_in_vain


def test_it_grows_by_one_and_more_slowly_where_the_one_is_refused() -> None:
    allowance = Allowance(20)
    allowance.full(3)
    waited = []
    for _ in range(8):
        waited.append(allowance.patience)
        allowance.grow()
        assert allowance.lines == 4
        allowance.full(3)
    assert waited == [GROW * 2**n for n in range(6)] + [LONGEST, LONGEST]


def test_with_the_limit_gone_it_grows_ever_faster_up_to_all() -> None:
    allowance = Allowance(20, lines=3, patience=80)
    waited = []
    while allowance.is_limited:
        waited.append(allowance.patience)
        allowance.grow()
    assert allowance.lines == 20
    assert waited[:4] == [80, 80, 40, 20]
    assert waited[4:] == [GROW] * 13


@pytest.mark.django_db
def test_the_next_slice_goes_on_with_it() -> None:
    remember(3, 40, NOW)
    found = recall(20, NOW)
    assert (found.lines, found.patience, found.of) == (3, 40, 20)
    assert recall(2, NOW).lines == 2


@pytest.mark.django_db
@pytest.mark.parametrize("away", [timedelta(hours=1, seconds=1), -timedelta(days=2)])
def test_long_ago_and_a_clock_that_ran_ahead_are_forgotten(away: timedelta) -> None:
    remember(3, 40, NOW - away)
    assert recall(20, NOW).lines == 20


@pytest.mark.django_db
def test_when_all_are_used_again_nothing_is_remembered() -> None:
    assert recall(20, NOW).lines == 20
    remember(3, 40, NOW)
    remember(None, GROW, NOW)
    assert recall(20, NOW).lines == 20
    assert MailService.load().lines_at is None
