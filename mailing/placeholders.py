"""The closed list of fields a message may contain, and nothing else.

`{{ greeting }}` or, with a default for an empty value, `{{ full_name|default:"friend" }}`. Nothing is ever
evaluated: a text is cut into literals and fields once, and a value that goes in is never read again.
Whatever looks like a field and is none is an error while the message is being saved, in words.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from django.utils.functional import lazy
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from mailing.field_names import OTHER_NAMES

FIELDS = {
    "greeting": _("how the client is addressed"),
    "full_name": _("full name"),
    "email": _("e-mail"),
    "unsubscribe_url": _("link to unsubscribe"),
}
MAX_VALUE = 1000  # characters of one value: three times a client's longest field, twice the longest link
MAX_SNIPPET = 60
MAX_PROBLEMS = 20  # named; nobody reads more at once


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a text that is filled per client."""

    name: str
    default: str = ""


Part = str | Field
Code = Literal["unknown", "filter", "broken", "tag"]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Something that looks like a field and is none. `sentence` is translated when it is printed."""

    code: Code
    text: str
    sentence: str
    nearest: str = ""


class Invalid(ValueError):
    """A text with problems; each says what to do."""

    def __init__(self, errors: list[FieldProblem]) -> None:
        super().__init__("; ".join(problem.text for problem in errors))
        self.errors = errors


_SPACE = r"(?:\s|&nbsp;)*"
# Quotes as people type them, as Word bends them, and as an HTML editor writes them.
_QUOTES = (('"', '"'), ("'", "'"), ("&quot;", "&quot;"), ("&#39;", "&#39;"), ("“", "”"), ("«", "»"), ("„", "“"))
_DEFAULT = "|".join(f"{opening}((?:(?!{closing}).)*){closing}" for opening, closing in _QUOTES)
_INSIDE = re.compile(
    rf"{_SPACE}(?P<name>[^\s|&]+){_SPACE}(?:\|{_SPACE}default{_SPACE}:{_SPACE}(?:{_DEFAULT}){_SPACE})?", re.DOTALL
)
# A style sheet may well contain "}}" or "{#id" ("@media{#id{…}}"), so only what surely meant a field counts:
# {% a tag %}, {# a comment #}, {{ anything up to the braces that end it, and { a known name } in single braces.
_NAMES = "|".join(FIELDS)
_LOOKS_LIKE_A_FIELD = re.compile(
    r"\{%(?:(?!%\}|\{%).){0,200}%\}|\{%|\{\#[^{}\n]*\#\}"
    r"|\{\{(?P<inside>(?:(?!\{\{|\}\}).)*)\}\}|\{\{"
    rf"|\{{{_SPACE}(?:{_NAMES}){_SPACE}(?:\|[^{{}}]*)?\}}{{1,2}}|\{{[ \t]*\w+[ \t]*\}}\}}",
    re.DOTALL,
)


def parse(text: str) -> list[Part]:
    """The text as literals and fields, in order. Raises `Invalid`."""
    parts, errors = _scan(text)
    if errors:
        raise Invalid(errors)
    return parts


def problems(text: str) -> list[FieldProblem]:
    """Everything in the text that looks like a field and is none."""
    return _scan(text)[1]


def split(text: str) -> list[Part]:
    """Like `parse`, but what cannot be read stays as it is."""
    return _scan(text)[0]


def names(text: str) -> set[str]:
    """The fields a text uses."""
    return {part.name for part in split(text) if isinstance(part, Field)}


def source(field: Field) -> str:
    """The field as it is written in a text."""
    return (
        f'{{{{ {field.name}|default:"{html.escape(field.default)}" }}}}'
        if field.default
        else f"{{{{ {field.name} }}}}"
    )


def fill(parts: Iterable[Part], values: Mapping[str, str], *, as_html: bool = False) -> str:
    """The text with its values; an empty or missing value becomes the default of its place."""
    return "".join(part if isinstance(part, str) else value_of(part, values, as_html=as_html) for part in parts)


def value_of(field: Field, values: Mapping[str, str], *, as_html: bool = False) -> str:
    """What stands in place of the field: one line, bounded, escaped where it goes into HTML."""
    value = tidy(values.get(field.name, "")) or field.default
    return html.escape(value) if as_html else value


def tidy(value: str) -> str:
    """A value fit for any place of a letter: no line breaks or control characters, single spaces, bounded."""
    value = value[:MAX_VALUE]
    if not value.isprintable():
        value = "".join(char if _is_text(char) else " " for char in value)
    return " ".join(value.split())


def _is_text(char: str) -> bool:
    """Neither a control character nor half of a surrogate pair. Joiners stay: they hold emoji and Indic script."""
    return not (char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" or char in _BREAKS)


_BREAKS = "\u2028\u2029\u202a\u202b\u202d\u202e"


def _scan(text: str) -> tuple[list[Part], list[FieldProblem]]:
    parts: list[Part] = []
    errors: list[FieldProblem] = []
    position = 0
    for found in _LOOKS_LIKE_A_FIELD.finditer(text):
        part = _read(found)
        if isinstance(part, FieldProblem):
            errors.append(part)
            if len(errors) == MAX_PROBLEMS:
                break
            continue
        if found.start() > position:
            parts.append(text[position : found.start()])
        parts.append(part)
        position = found.end()
    if position < len(text):
        parts.append(text[position:])
    return parts, errors


def _read(found: re.Match[str]) -> Field | FieldProblem:
    whole, inside = found[0], found["inside"]
    if whole.startswith(("{%", "{#")):
        return _problem("tag", whole)
    if inside is None or not inside.replace("&nbsp;", " ").strip():
        return _problem("broken", whole + found.string[found.end() : found.end() + 20])
    field = _INSIDE.fullmatch(inside)
    name = field["name"] if field else inside.replace("&nbsp;", " ").partition("|")[0].strip()
    if name not in FIELDS:
        return _problem("unknown", whole, name)
    if field is None:
        return _problem("filter", whole, name)
    default = next((group for group in field.groups()[1:] if group is not None), "")
    return Field(name, html.unescape(default).strip())


_SENTENCES: dict[Code, str] = {
    "unknown": gettext_noop("There is no field “%(name)s”. The fields are: %(fields)s."),
    "filter": gettext_noop(
        '“%(text)s” cannot be read. After the name only a default may stand: {{ %(name)s|default:"…" }}.'
    ),
    "broken": gettext_noop("“%(text)s” cannot be read. Write a field like this: {{ greeting }}."),
    "tag": gettext_noop("“%(text)s”: tags are not supported. Only fields can be filled: {{ greeting }}."),
}
_DID_YOU_MEAN = gettext_noop("There is no field “%(name)s”. Did you mean {{ %(nearest)s }} (%(means)s)?")


def _problem(code: Code, text: str, name: str = "") -> FieldProblem:
    nearest = _nearest(name) if name else ""
    text = " ".join(text.split())
    snippet = text if len(text) <= MAX_SNIPPET else text[: MAX_SNIPPET - 1] + "…"
    msgid = _DID_YOU_MEAN if code == "unknown" and nearest else _SENTENCES[code]
    params = {"name": name[:MAX_SNIPPET], "nearest": nearest, "text": snippet}
    return FieldProblem(code, snippet, _sentence(partial(_translate, msgid, params)), nearest)


def _nearest(name: str) -> str:
    """The field that was probably meant, or nothing."""
    names = {field: field for field in FIELDS} | OTHER_NAMES
    return next((names[found] for found in difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.5)), "")


def _translate(msgid: str, params: Mapping[str, str]) -> str:
    """The fields by the names they have on the buttons that write them, too."""
    fields = ", ".join(f"{{{{ {field} }}}} ({means})" for field, means in FIELDS.items())
    return gettext(msgid) % {**params, "fields": fields, "means": FIELDS.get(params["nearest"], "")}


def _call(make: Callable[[], str]) -> str:
    return make()


_sentence = lazy(_call, str)
