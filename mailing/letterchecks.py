"""What is looked at when a message is saved: errors forbid it, warnings are worth a thought."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from lxml.etree import HTMLParser

from mailing import placeholders

CLIPPED_AT = 100 * 1024  # bytes: Gmail shows the first 102 KB of a letter and hides the rest behind a link
SUBJECT_SHOWN = 60  # characters
DEEPEST = 200  # elements within each other


class Level(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing found. `field` is the form's; `sentence` is translated when it is printed."""

    code: str
    level: Level
    field: str
    sentence: str | Promise

    @property
    def is_error(self) -> bool:
        return self.level is Level.ERROR


_ERRORS: dict[str, str | Promise] = {
    "empty_body": _("The letter is empty."),
    "script": _("Scripts (<script>) are not allowed: every mail program drops them, and many drop the letter too."),
    "form": _("Forms (<form>) are not allowed: mail programs block them. Put a link to a page with the form."),
    "frame": _("Frames and embedded objects (<iframe>, <frame>, <object>, <embed>) are not allowed in a letter."),
    "handler": _("Attributes that run scripts (onclick, onload, …) are not allowed."),
    "javascript": _("Links that run scripts (javascript:) are not allowed."),
    "too_deep": _("The elements stand too deep within each other. Is a closing tag missing again and again?"),
}
_WARNINGS: dict[str, str | Promise] = {
    "no_text_link": _("All links are pictures. Many mail programs hide pictures: add a link with words."),
    "http_image": _("Pictures over http:// are not shown by many mail programs. Use https://."),
    "too_long": _("The letter is larger than 100 KB: Gmail will cut it off."),
    "field_in_table": _("A field stands between the rows of a table. It would jump out of it: move it into a cell."),
    "subject_capitals": _("The subject is all capitals: this looks like spam."),
    "subject_long": _("The subject is longer than 60 characters: many mail programs will cut it off."),
    "no_way_to_leave": _("The letter has no {{ unsubscribe_url }}. A line with the link will be added at its end."),
}


def check(*, subject: str, body: str, is_html: bool, text_body: str = "") -> list[Remark]:
    """Everything found, errors first, each thing once."""
    found = [
        *_errors("body", _body_errors(body, is_html)),
        *_field_problems("subject", subject),
        *_field_problems("body", body),
        *_field_problems("text_body", text_body),
        *_warnings("subject", _subject_warnings(subject)),
        *_warnings("body", _body_warnings(body, is_html)),
    ]
    return sorted(found, key=lambda finding: not finding.is_error)


def _errors(field: str, codes: Iterator[str]) -> Iterator[Remark]:
    return (Remark(code, Level.ERROR, field, _ERRORS[code]) for code in codes)


def _warnings(field: str, codes: Iterator[str]) -> Iterator[Remark]:
    return (Remark(code, Level.WARNING, field, _WARNINGS[code]) for code in codes)


def _field_problems(field: str, text: str) -> Iterator[Remark]:
    for problem in dict.fromkeys(placeholders.problems(text)):
        yield Remark(f"placeholder_{problem.code}", Level.ERROR, field, problem.sentence)


def _body_errors(body: str, is_html: bool) -> Iterator[str]:
    if not is_html:
        if not body.strip():
            yield "empty_body"
        return
    seen = _read(body)
    if not seen.has_content:
        yield "empty_body"
    yield from (code for code in _ERRORS if code in seen.codes)


def _body_warnings(body: str, is_html: bool) -> Iterator[str]:
    if is_html:
        seen = _read(body)
        if seen.links and not seen.has_text_link:
            yield "no_text_link"
        yield from (code for code in ("http_image", "field_in_table") if code in seen.codes)
    if len(body.encode("utf-8", "replace")) > CLIPPED_AT:
        yield "too_long"
    if body.strip() and "unsubscribe_url" not in placeholders.names(body):
        yield "no_way_to_leave"


def _subject_warnings(subject: str) -> Iterator[str]:
    fixed = "".join(part for part in placeholders.split(subject) if isinstance(part, str))
    letters = [char for char in fixed if char.isalpha()]
    if len(letters) >= 5 and all(char.isupper() for char in letters):
        yield "subject_capitals"
    if len(placeholders.fill(placeholders.split(subject), {})) > SUBJECT_SHOWN:
        yield "subject_long"


def _read(body: str) -> _Reader:
    """libxml2 is linear where html.parser is not: a letter of 20 000 times "<a " took it 46 seconds."""
    reader = _Reader()
    parser = HTMLParser(target=reader)
    parser.feed(body.replace("\0", ""))
    parser.close()
    return reader


_FORBIDDEN = {"script": "script", "form": "form"} | dict.fromkeys(
    ("iframe", "frame", "frameset", "object", "embed", "applet"), "frame"
)
_BETWEEN_ROWS = {"table", "thead", "tbody", "tfoot", "tr", "colgroup"}
_UNSEEN = {"style", "script", "title", "head"}
_HTTP_IN_CSS = re.compile(r"url\(\s*[\"']?\s*http:", re.IGNORECASE)
# A browser skips blanks and controls inside the scheme of a link: "java\nscript:".
_BLANKS = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\u2028\u2029]+")


@dataclass
class _Reader:
    """Walks through a letter; comments (and with them Outlook's conditional ones) say nothing."""

    codes: set[str] = field(default_factory=set)
    links: int = 0
    has_text_link: bool = False
    has_content: bool = False
    _open: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _FORBIDDEN:
            self.codes.add(_FORBIDDEN[tag])
        for name, value in attributes.items():
            self._attribute(name, html.unescape(value))
        self.has_content |= tag == "img"
        self.links += tag == "a" and bool(attributes.get("href"))
        self._open.append(tag)
        if len(self._open) > DEEPEST:
            self.codes.add("too_deep")

    def end(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def data(self, text: str) -> None:
        if not text.strip() or _UNSEEN.intersection(self._open):
            self._css(text)
            return
        self.has_content = True
        self.has_text_link |= "a" in self._open
        if self._open and self._open[-1] in _BETWEEN_ROWS and placeholders.names(text):
            self.codes.add("field_in_table")

    def close(self) -> None:
        """The parser asks for a result here; ours is the reader itself."""

    def _attribute(self, name: str, value: str) -> None:
        plain = _BLANKS.sub("", value).lower()
        if name.startswith("on"):
            self.codes.add("handler")
        if plain.startswith(("javascript:", "vbscript:")):
            self.codes.add("javascript")
        if name in {"src", "background", "poster"} and plain.startswith("http:"):
            self.codes.add("http_image")
        if name == "style":
            self._css(value)

    def _css(self, text: str) -> None:
        if _HTTP_IN_CSS.search(text):
            self.codes.add("http_image")
