"""What is looked at when a message is saved: errors forbid it, warnings are worth a thought."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailing import placeholders, texts

CLIPPED_AT = 100 * 1024  # bytes: Gmail shows the first 102 KB of a letter and hides the rest behind a link
SUBJECT_SHOWN = 60  # characters
LONGEST = 500 * 1024  # bytes of a body


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
    "too_long": _(texts.LETTER_TOO_LONG),
    "too_deep": _(texts.LETTER_TOO_DEEP),
    "too_large": _(texts.LETTER_TOO_LARGE),
    "too_costly": _(texts.LETTER_TOO_COSTLY),
}
_WARNINGS: dict[str, str | Promise] = {
    "no_text_link": _("All links are pictures. Many mail programs hide pictures: add a link with words."),
    "http_image": _("Pictures over http:// are not shown by many mail programs. Use https://."),
    "clipped": _("The letter is larger than 100 KB: Gmail will cut it off."),
    "field_in_table": _("A field stands between the rows of a table. It would jump out of it: move it into a cell."),
    "subject_capitals": _("The subject is all capitals: this looks like spam."),
    "subject_long": _("The subject is longer than 60 characters: many mail programs will cut it off."),
    "no_way_to_leave": _("The letter has no {{ unsubscribe_url }}. A line with the link will be added at its end."),
}


def check(*, subject: str, body: str, is_html: bool, text_body: str = "", seen: Collection[str] = ()) -> list[Remark]:
    """Everything found, errors first, each thing once. `seen`: the codes of an HTML body (`letterhtml`)."""
    if too_long := [name for name, text in (("body", body), ("text_body", text_body)) if is_too_long(text)]:
        return [Remark("too_long", Level.ERROR, name, _ERRORS["too_long"]) for name in too_long]
    found = [
        *_errors("body", _body_errors(body, is_html, seen)),
        *_field_problems("subject", subject),
        *_field_problems("body", body),
        *_field_problems("text_body", text_body),
        *_warnings("subject", _subject_warnings(subject)),
        *_warnings("body", _body_warnings(body, seen)),
    ]
    return sorted(found, key=lambda finding: not finding.is_error)


def is_too_long(text: str) -> bool:
    """Longer than any letter; nothing else is looked at then."""
    return len(text) > LONGEST or len(text.encode("utf-8", "replace")) > LONGEST


def _errors(field: str, codes: Iterator[str]) -> Iterator[Remark]:
    return (Remark(code, Level.ERROR, field, _ERRORS[code]) for code in codes)


def _warnings(field: str, codes: Iterator[str]) -> Iterator[Remark]:
    return (Remark(code, Level.WARNING, field, _WARNINGS[code]) for code in codes)


def _field_problems(field: str, text: str) -> Iterator[Remark]:
    for problem in dict.fromkeys(placeholders.problems(text)):
        yield Remark(f"placeholder_{problem.code}", Level.ERROR, field, problem.sentence)


def _body_errors(body: str, is_html: bool, seen: Collection[str]) -> Iterator[str]:
    if not is_html and not body.strip():
        yield "empty_body"
    yield from (code for code in _ERRORS if code in seen)


def _body_warnings(body: str, seen: Collection[str]) -> Iterator[str]:
    yield from (code for code in ("no_text_link", "http_image", "field_in_table") if code in seen)
    if len(body.encode("utf-8", "replace")) > CLIPPED_AT:
        yield "clipped"
    if body.strip() and "unsubscribe_url" not in placeholders.names(body):
        yield "no_way_to_leave"


def _subject_warnings(subject: str) -> Iterator[str]:
    fixed = "".join(part for part in placeholders.split(subject) if isinstance(part, str))
    letters = [char for char in fixed if char.isalpha()]
    if len(letters) >= 5 and all(char.isupper() for char in letters):
        yield "subject_capitals"
    if len(placeholders.fill(placeholders.split(subject), {})) > SUBJECT_SHOWN:
        yield "subject_long"
