"""What an attempt keeps of its message: styles inlined, a text version, and a way to leave (rule 12 of a run).

The HTML is read in a child process (`letterhtml`): what ends it, or takes it too long, is refused in words.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from mailing import confined, placeholders, texts
from mailing.choices import Hindrance
from mailing.letterchecks import is_too_long
from mailing.models import Message
from mailing.placeholders import Field

LEAVE = "{{ unsubscribe_url }}"
SECONDS = 10.0
MEGABYTES = 400
LARGEST = 4 * 1024 * 1024  # characters of a text with its fields: more than a child may hand over
OURS = 2  # rises when `letterhtml` makes something else of the same letter


class Prepared(NamedTuple):
    """The texts of an attempt; their fields are still open. `html_body` is empty for a plain letter."""

    subject: str
    html_body: str
    text_body: str


@dataclass(frozen=True)
class Judged:
    """What a child said about an HTML body: codes of `letterchecks`, or why it cannot be sent, and its texts."""

    codes: frozenset[str] = frozenset()
    problem: Hindrance | None = None
    html: str = ""
    text: str = ""  # empty where it was not asked for
    key: str = ""  # of the message it holds for

    @property
    def remarks(self) -> frozenset[str]:
        """All of it as codes: a problem has the name of its own."""
        return self.codes | ({self.problem.value} if self.problem is not None else set())


class Unsendable(Exception):
    """A message of which no letter can be made; printed, it is the sentence for the person."""

    def __init__(self, why: Hindrance) -> None:
        super().__init__(why.value)
        self.why = why

    def __str__(self) -> str:
        return _(SENTENCES[self.why])


SENTENCES: Mapping[Hindrance, str] = {
    Hindrance.TOO_LONG: texts.LETTER_TOO_LONG,
    Hindrance.TOO_DEEP: texts.LETTER_TOO_DEEP,
    Hindrance.TOO_LARGE: texts.LETTER_TOO_LARGE,
    Hindrance.TOO_COSTLY: texts.LETTER_TOO_COSTLY,
}
_BY_CODE = {"too_deep": Hindrance.TOO_DEEP, "too_large": Hindrance.TOO_LARGE}


def judge(body: str, *, wants_text: bool) -> Judged:
    """Reads an HTML body in a child, once for all that is wanted of it. What looks like a field and is none stays."""
    if is_too_long(body):
        return Judged(problem=Hindrance.TOO_LONG)
    marked, fields = _marked(body)
    given: dict[str, Any] = {"html": marked, "mark": _MARK, "wants_text": wants_text}
    try:
        seen = confined.call("mailing.letterhtml:work", seconds=SECONDS, megabytes=MEGABYTES, **given)
    except confined.Exceeded:
        return Judged(problem=Hindrance.TOO_COSTLY)
    codes = frozenset(seen["codes"])
    problem = next((_BY_CODE[code] for code in codes if code in _BY_CODE), None)
    html, text = _unmarked(seen["html"], fields), _unmarked(seen["text"], fields)
    if html is None or text is None:
        return Judged(codes, Hindrance.TOO_LARGE)
    return Judged(codes - _BY_CODE.keys(), problem, html, text)


@cache
def maker() -> str:
    """By whom a body is read: what others made of it may be something else."""
    return ",".join([str(OURS), *map(version, ("css-inline", "inscriptis", "lxml", "selectolax"))])


def check(message: Message) -> None:
    """Raises `placeholders.Invalid` and `Unsendable` for what is seen without a child.

    A saved message was checked; a row made by a script may not have been.
    """
    used = [message.subject, message.body, *([message.text_body] if message.is_html else [])]
    if any(map(is_too_long, used)):
        raise Unsendable(Hindrance.TOO_LONG)
    for text in used:
        placeholders.parse(text)


def prepare(message: Message, judged: Judged | None) -> Prepared:
    """The texts of an attempt. `judged`: what was made of the body, None where it is plain. Raises `Unsendable`."""
    if judged is not None and judged.problem is not None:
        raise Unsendable(judged.problem)
    html_body, text_body = "", message.body
    if judged is not None:
        html_body, text_body = judged.html, judged.text if wants_text(message) else message.text_body
    with translation.override(settings.LANGUAGE_CODE):  # the clients', not that of whoever pressed the button
        return Prepared(message.subject, _leavable_html(html_body), _leavable_text(text_body))


def wants_text(message: Message) -> bool:
    """Whether its text version is made from the HTML."""
    return not message.text_body.strip()


def _marked(text: str) -> tuple[str, list[Field]]:
    """The text with a plain word for each field: an HTML parser would rewrite quotes and braces."""
    fields: list[Field] = []
    words: list[str] = []
    for part in placeholders.split(text):
        if isinstance(part, Field):
            words.append(f"{_MARK}{len(fields)}e")
            fields.append(part)
        else:
            words.append(part)
    return "".join(words), fields


_MARK = f"field{secrets.token_hex(8)}n"  # nobody can have written it


def _unmarked(text: str, fields: list[Field]) -> str | None:
    """With the fields again; None where a few, repeated by a parser again and again, would fill the memory."""
    sources = [placeholders.source(field) for field in fields]
    if len(text) + sum(len(sources[int(number)]) for number in _MARKED.findall(text)) > LARGEST:
        return None
    return _MARKED.sub(lambda found: sources[int(found[1])], text)


_MARKED = re.compile(rf"{_MARK}(\d+)e")


def _leavable_html(html: str) -> str:
    if not html or "unsubscribe_url" in placeholders.names(html):
        return html
    words = _("Unsubscribe from these letters")
    footer = (
        '<p style="margin:24px 0 0;font-size:12px;line-height:1.4;color:#6b6b6b">'
        f'<a href="{LEAVE}" style="color:#6b6b6b">{words}</a></p>'
    )
    before, end, after = html.rpartition("</body>")
    return f"{before}{footer}{end}{after}" if end else html + footer


def _leavable_text(text: str) -> str:
    if "unsubscribe_url" in placeholders.names(text):
        return text
    words = _("Unsubscribe from these letters")
    return f"{text.rstrip()}\n\n{words}: {LEAVE}\n"
