"""Each word of the screens is explained, in both languages, and the glossary tells the same."""

from __future__ import annotations

import re

import pytest
from django.template import Context, Template
from django.utils.translation import override

from mailing.choices import DeliveryStatus, State
from mailing.guide import terms
from mailing.guide.terms import Term
from tests.architecture.files import there

TERMS = pytest.mark.parametrize("term", list(terms.everything()), ids=lambda term: term.key)


def rows() -> dict[str, tuple[str, str]]:
    """The glossary: each word of the screens with its Russian and its meaning."""
    screens = there("docs/reference/glossary.md").read_text().partition("## Words of the code")[0]
    found: dict[str, tuple[str, str]] = {}
    for words, russian, meaning in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|", screens, re.MULTILINE):
        found |= dict.fromkeys(words.split(", "), (russian, meaning))
    return found


@pytest.mark.parametrize("state", State)
def test_every_state_is_explained_under_its_own_name(state: State) -> None:
    assert terms.of_state(state).word == state.label


@pytest.mark.parametrize("status", DeliveryStatus)
def test_everything_that_may_become_of_a_letter_is_explained_under_its_own_name(status: DeliveryStatus) -> None:
    assert terms.of_delivery(status).word == status.label


@TERMS
def test_the_glossary_has_the_word_in_both_languages_and_tells_the_same(term: Term) -> None:
    with override("en"):
        russian, meaning = rows()[str(term.word)]
        assert meaning.startswith(str(term.short))
    with override("ru"):
        assert str(term.word) == russian


@TERMS
def test_a_word_is_explained_in_russian_as_well(term: Term) -> None:
    with override("ru"):
        for text in filter(None, (term.word, term.short, term.more)):
            assert re.search("[а-яё]", str(text))


def test_a_mark_beside_a_word_opens_its_meaning_without_a_script() -> None:
    shown = Template('{% load samovar %}{% term "unconfirmed" %}').render(Context())
    assert 'popovertarget="term-unconfirmed"' in shown
    assert re.search(r'id="term-unconfirmed" popover>.*never resent by itself.*/admin/help/words/#unconfirmed', shown)


def test_a_word_nobody_has_explained_is_no_mark() -> None:
    with pytest.raises(KeyError):
        terms.get("nonsense")
