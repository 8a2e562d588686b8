"""What nobody means: values and names for the parameters of every page, and how a page takes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.contrib import admin
from django.db import connection
from django.db.models import Field
from django.http import HttpResponse
from lxml import html as lxml_html

# A regular expression that takes twice as long with every letter it is compared with.
EXPONENTIAL = r"^(\w+\s?)+!$"

# As they stand in an address, percent-escaped where they must be.
VALUES = {
    "year one": "0001-01-01",
    "last day": "9999-12-31",
    "no day": "2024-02-31",
    "5 000 digits": "7" * 5000,
    "beyond 64 bit": "9" * 19,
    "negative": "-1",
    "1e308": "1e308",
    "other digits": quote("٣٢"),
    "superscript": quote("²"),
    "NUL": "a%00b",
    "lone surrogate": "%ED%A0%80",
    "no UTF-8": "%ff%fe%c0%80",
    "emoji": quote("🫖"),
    "line break": "a%0d%0aSet-Cookie:%20x=1",
    "path": "..%2f..%2fetc%2fpasswd",
    "quotes": quote("'\"><script>alert(1)</script>"),
    "expression": quote(EXPONENTIAL),
    "very long": "x" * 70_000,
    "many words": "a%20" * 3000,
    "many parts": "1." * 5000,
    "list": "1,2,,x",
    "braces": quote("{{7*7}}%s%(x)s{0}"),
    "nothing": "",
}

# Those of them that databases take each in its own way. What becomes of the others is decided before one is asked,
# so one kind of database has told it.
IN_DATABASES = {
    "year one", "last day", "5 000 digits", "beyond 64 bit", "negative", "1e308", "NUL", "lone surrogate", "no UTF-8",
    "expression", "very long", "many words",
}  # fmt: skip

# Names that some page of some framework takes; each page is asked for them besides its own.
NAMES = (
    "q", "p", "o", "e", "all", "page", "term", "next", "tab", "shown", "attempt", "mailing", "message", "file",
    "format", "seen", "sample", "since", "until", "state", "attention", "used", "receives", "mailings", "domain",
    "app_label", "model_name", "field_name", "language", "unconfirmed", "_popup", "_to_field", "_facets",
    "_changelist_filters", "_saveasnew", "id", "pk", "id__in", "pk__gt", "a[]", "a[b]", "%00", "%ff",
    "id__exact__exact", "logentry__user__password__startswith", "__class__", "",
)  # fmt: skip

LOOKUPS = ("", "__exact", "__in", "__isnull", "__gt", "__range", "__year", "__date", "__regex", "__iregex", "__x")


def asked_here(names: Iterable[str]) -> list[str]:
    """The values to ask with: on SQLite all of them."""
    return [name for name in names if connection.vendor == "sqlite" or name in IN_DATABASES]


def lookups(model: Any) -> Iterator[str]:
    """Every look-up Django would believe in the address of this model's list."""
    for each in model._meta.get_fields():
        if isinstance(each, Field):
            yield from (f"{each.name}{lookup}" for lookup in LOOKUPS)
            if each.is_relation and each.related_model:
                for far in each.related_model._meta.fields:
                    yield f"{each.name}__{far.name}__regex"
        else:
            yield f"{each.name}__id__exact"


def own_names(page: str, address: str) -> set[str]:
    """The parameters that the page itself makes: in its links, and in the forms that are sent by GET."""
    if not page.strip():
        return set()
    tree = lxml_html.fromstring(page)
    here = urlsplit(address).path
    links = (urlsplit(link) for link in tree.xpath("//@href"))
    found = {name for link in links if link.path in {"", here} for name, _value in parse_qsl(link.query)}
    forms = "//form[not(translate(@method, 'POST', 'post') = 'post')]//*[@name and not(self::details)]/@name"
    return found | set(tree.xpath(forms))


def posted_names(page: str) -> set[str]:
    """The fields of the forms that the page would post."""
    if not page.strip():
        return set()
    tree = lxml_html.fromstring(page)
    return set(tree.xpath("//form[translate(@method, 'POST', 'post') = 'post']//*[@name]/@name"))


def screen_of(name: str) -> admin.ModelAdmin[Any] | None:
    """The screen whose list stands at the address of this name."""
    names = {f"{model._meta.app_label}_{model._meta.model_name}": s for model, s in admin.site._registry.items()}
    return names.get(name.removeprefix("admin:").removesuffix("_changelist"))


class Heard(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@dataclass
class Watch:
    """How the requests were answered: what was wrong, how many they were, and which one took longest."""

    wrong: list[str] = field(default_factory=list)
    asked: int = 0
    slowest: tuple[float, str] = (0, "")

    def request(self, label: str, send: Callable[[], HttpResponse], *, unwell: bool = False) -> None:
        """`unwell`: the page may say 503, as the health check does when it is asked."""
        heard = Heard()
        logging.getLogger().addHandler(heard)
        begun = time.perf_counter()
        try:
            answer = send()
            _ = b"".join(answer.streaming_content) if answer.streaming else answer.content
        except Exception as error:  # whatever the page raised is what is looked for
            self.wrong.append(f"{label}: {type(error).__name__}: {str(error)[:200]}")
        else:
            if answer.status_code >= 500 and not (unwell and answer.status_code == 503):
                self.wrong.append(f"{label}: answered with {answer.status_code}")
        finally:
            logging.getLogger().removeHandler(heard)
        self.asked += 1
        self.slowest = max(self.slowest, (time.perf_counter() - begun, label))
        if heard.records and not unwell:
            first = heard.records[0]
            error = first.exc_info[1] if first.exc_info else None
            self.wrong.append(f"{label}: logged {first.getMessage()[:100]}: {error!r:.200}")
