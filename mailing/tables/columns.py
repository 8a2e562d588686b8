"""Which column is which: the headings people give them, in two languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailing.tables import cells

EMAIL, FULL_NAME, GREETING, COMMENT = "email", "full_name", "greeting", "comment"
PLAIN = {GREETING: cells.line, COMMENT: cells.text}  # one column each, and how its cells are tidied

# Compared without case, spaces, dots and dashes, ё as е: "Ф. И. О." is "фио", "E-mail" is "email".
SYNONYMS: dict[str, tuple[str, ...]] = {
    EMAIL: (
        *("email", "emails", "mail", "emailaddress", "emailадрес", "адресemail", "почта", "эпочта"),
        *("элпочта", "электроннаяпочта", "адресэлпочты", "адресэлектроннойпочты", "электронныйадрес", "эладрес"),
        *("имейл", "имэйл", "емейл", "емэйл", "емайл", "мейл", "мэйл", "почтаemail", "emailпочта"),
    ),
    FULL_NAME: (
        *(
            "fullname",
            "name",
            "client",
            "clientname",
            "customer",
            "contact",
            "фио",
            "фиоклиента",
            "клиент",
            "клиенты",
        ),
        *("имяклиента", "полноеимя", "фамилияимяотчество", "фамилияимя", "имяфамилия", "имяифамилия", "контакт"),
        *("контактноелицо",),
    ),
    GREETING: ("greeting", "salutation", "обращение", "какобращаться", "обращениевписьме"),
    COMMENT: (
        *("comment", "comments", "note", "notes", "remark", "remarks", "комментарий", "комментарии", "коммент"),
        *("примечание", "примечания", "заметка", "заметки"),
    ),
}
# A name that came in pieces is put together in this order.
NAME_PARTS: tuple[tuple[str, ...], ...] = (
    ("фамилия", "surname", "lastname", "familyname"),
    ("имя", "firstname", "givenname", "forename"),
    ("отчество", "patronymic", "middlename"),
)

_FIELD = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
_PART = {synonym: order for order, synonyms in enumerate(NAME_PARTS) for synonym in synonyms}
_NOT_A_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that mean something; `full_name` may stand in up to three of them."""

    email: int
    full_name: tuple[int, ...] = ()
    plain: dict[str, int] = field(default_factory=dict)  # of PLAIN, those the file has
    width: int = 0  # cells beyond it have no heading
    ignored: list[str] = field(default_factory=list)  # headings nobody knows


def find(headings: Sequence[object]) -> Columns | None:
    """The columns of a row of headings; None when none of them is an address."""
    titles = [cells.line(heading) for heading in headings]
    keys = [_key(title) for title in titles]
    first: dict[str, int] = {}
    for position, key in enumerate(keys):
        first.setdefault(_FIELD.get(key, ""), position)
    if EMAIL not in first:
        return None
    name = (first[FULL_NAME],) if FULL_NAME in first else _name_parts(keys)
    plain = {known: first[known] for known in PLAIN if known in first}
    used = {first[EMAIL], *name, *plain.values()}
    return Columns(
        email=first[EMAIL],
        full_name=name,
        plain=plain,
        width=max((position + 1 for position, title in enumerate(titles) if title), default=0),
        ignored=[title for position, title in enumerate(titles) if title and position not in used],
    )


def _name_parts(keys: list[str]) -> tuple[int, ...]:
    parts: dict[int, int] = {}
    for position, key in enumerate(keys):
        if key in _PART:
            parts.setdefault(_PART[key], position)
    return tuple(position for _order, position in sorted(parts.items()))


def _key(title: str) -> str:
    return _NOT_A_LETTER.sub("", unicodedata.normalize("NFKC", title).casefold().replace("ё", "е"))
