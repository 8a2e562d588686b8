"""All pages of the admin, found from the site itself: a new page is looked at without anybody adding it here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from mailing.guide import pages as guide

FRAGMENTS = (
    "_live",
    "_plan",
    "message_letter",
    "attempt_letter",
    "mailbox_letter",
    "_html",
    "autocomplete",
    "jsi18n",
)  # parts of pages, not pages


@dataclass(frozen=True)
class Page:
    name: str
    url: str

    def __str__(self) -> str:
        return self.name


def discover(client: Client) -> list[Page]:
    """The pages the logged-in person of the test client gets as a whole HTML document by GET.

    A page that breaks (500) is one of them, so that whoever looks at the pages hears of it.
    """
    client.raise_request_exception = False
    candidates = {page.url: page for page in _site_pages()}
    return [page for page in candidates.values() if _is_page(client, page)]


def _is_page(client: Client, page: Page) -> bool:
    response = client.get(page.url)
    if response.status_code == 500:
        return True
    is_html = response.status_code == 200 and response["Content-Type"].startswith("text/html")
    return is_html and b"</html>" in response.getvalue()


def _site_pages() -> Iterator[Page]:
    yield Page("index", reverse("admin:index"))
    yield from (Page(f"help_{name}", reverse("admin:help_page", args=[name])) for name in guide.PAGES)
    for name in _names(admin.site.get_urls()):
        url = _url(name, None)
        if url and name not in {"index", "login", "logout"} and not name.endswith(FRAGMENTS):
            yield Page(name, url)
    for model, model_admin in admin.site._registry.items():
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        for name in _names(model_admin.get_urls()):
            url = _url(name, newest)
            if url and not name.endswith(FRAGMENTS):
                yield Page(name, url)


def _names(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def _url(name: str, pk: Any) -> str | None:
    for args in ([], [pk] if pk is not None else None):
        if args is None:
            continue
        try:
            return reverse(f"admin:{name}", args=args)
        except NoReverseMatch:
            continue
    return None
