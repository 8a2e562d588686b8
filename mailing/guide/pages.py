"""The pages of the guide: which there are, to which screen each belongs, and their texts in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from mailing.guide import markup
from mailing.guide.markup import Document

FOLDER = Path(__file__).parent
PICTURES = FOLDER.parent / "static" / "guide"
PICTURE_SIZE = (1280, 800)
LANGUAGES = ("en", "ru")  # the first is told to whoever reads in another
ADMIN = "/admin/"

# In the order they are read in.
PAGES = (
    "overview",
    "clients",
    "import",
    "messages",
    "mailings",
    "attempts",
    "report",
    "calendar",
    "stop-list",
    "states",
    "trouble",
)

# By the beginning of the name of an address: the first that fits.
SCREENS = (
    ("index", "overview"),
    ("mailing_client_import", "import"),
    ("mailing_client", "clients"),
    ("mailing_suppression", "stop-list"),
    ("mailing_message", "messages"),
    ("mailing_mailing_calendar", "calendar"),
    ("mailing_calendar", "calendar"),
    ("mailing_mailing", "mailings"),
    ("mailing_attempt_report", "report"),
    ("mailing_attempt", "attempts"),
    ("mailing_delivery", "attempts"),
    ("django_q", "trouble"),
)


@dataclass(frozen=True)
class Entry:
    """A page as the contents name it."""

    name: str
    title: str
    url: str


def for_screen(url_name: str) -> str:
    """The address of the page that tells about a screen; of the contents, where none does."""
    page = next((page for beginning, page in SCREENS if url_name.startswith(beginning)), "")
    return reverse("admin:help_page", args=[page]) if page else reverse("admin:help")


def contents() -> list[Entry]:
    return [Entry(name, page(name).title, reverse("admin:help_page", args=[name])) for name in PAGES]


def page(name: str) -> Document:
    """The page in the language of whoever reads."""
    return read(name, language())


def language() -> str:
    spoken = (get_language() or "").partition("-")[0]
    return spoken if spoken in LANGUAGES else LANGUAGES[0]


@cache
def read(name: str, language: str) -> Document:
    source = (FOLDER / language / f"{name}.md").read_text()
    return markup.render(source, address=_address, picture=lambda shown, alt: _picture(shown, alt, language))


def _address(target: str) -> str:
    """The file of another page, a word (`words#deferred`), a heading of this page, or a screen (`/admin/…`)."""
    if target.startswith(ADMIN):
        return reverse("admin:index") + target.removeprefix(ADMIN)
    name, mark, anchor = target.partition("#")
    if not name:
        return target
    url = reverse("admin:help_words") if name == "words" else reverse("admin:help_page", args=[name[:-3]])
    return f"{url}{mark}{anchor}"


def _picture(name: str, alt: str, language: str) -> SafeString:
    """Nothing where it has not been made yet: `make shots ARGS=--guide` does."""
    if not (PICTURES / language / f"{name}.webp").exists():
        return SafeString("")
    return format_html(
        '<p class="guide-picture"><img src="{}" alt="{}" width="{}" height="{}" loading="lazy"></p>',
        static(f"guide/{language}/{name}.webp"),
        alt,
        *PICTURE_SIZE,
    )
