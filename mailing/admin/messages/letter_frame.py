"""Letters inside our pages: strangers' HTML, shown in a sandboxed frame under a policy of its own."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mailing import placeholders
from mailing.delivery.letters.prepare import Unsendable
from mailing.models import Attempt, Client, Message
from mailing.services.runs import letters

# The page's own policy allows no inline style, and a frame with srcdoc would inherit it: the letter needs an address
# of its own. `sandbox` takes away scripts, forms and the session's origin, even when the address is opened directly.
POLICY = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
STYLES = re.compile(r"<(style|head|title)\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[a-z/!?][^<>]*>?", re.DOTALL | re.IGNORECASE)
BODY_TAG = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
HEAD_STYLE = (
    "all:initial;display:block;padding:10px 14px;border-bottom:1px solid #d9dee6;background:#f6f7f9;"
    "color:#222;font:600 14px/1.4 system-ui,sans-serif"
)
NOTICE_STYLE = (
    "margin:16px;padding:12px 16px;border-radius:8px;background:#fdf0d3;color:#5f3902;"
    "font:14px/1.5 system-ui,sans-serif"
)
PAGE_STYLE = "margin:0;background:#fff;color:#222"
TEXT_STYLE = "margin:0;padding:14px;white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 ui-monospace,monospace"


def sandboxed(document: str) -> HttpResponse:
    """The document, unable to run, load or send anything."""
    response = HttpResponse(document)
    response["Content-Security-Policy"] = POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def of_message(message: Message, client: Client | None, *, as_text: bool) -> HttpResponse:
    """The message as this client will see it; what cannot be sent is said instead."""
    try:
        ready = letters.prepared(message)
    except Unsendable as refusal:
        return sandboxed(notice(str(refusal)))
    except placeholders.Invalid as invalid:
        return _unsendable(invalid)
    return sandboxed(_filled(ready.subject, ready.html_body, ready.text_body, client, as_text=as_text))


def of_attempt(attempt: Attempt, *, as_text: bool) -> HttpResponse:
    """What was sent, filled in for an imaginary client."""
    try:
        return sandboxed(_filled(attempt.subject, attempt.html_body, attempt.text_body, None, as_text=as_text))
    except placeholders.Invalid as invalid:  # not by us: a row that somebody changed in the database
        return _unsendable(invalid)


def _unsendable(invalid: placeholders.Invalid) -> HttpResponse:
    return sandboxed(notice(" ".join(str(problem.sentence) for problem in invalid.errors)))


def _filled(subject: str, html: str, text: str, client: Client | None, *, as_text: bool) -> str:
    values = values_of(client)
    line = placeholders.fill(placeholders.parse(subject), values)
    if html and not as_text:
        return html_page(line, placeholders.fill(placeholders.parse(html), values, as_html=True))
    return text_page(line, placeholders.fill(placeholders.parse(text), values))


def values_of(client: Client | None) -> dict[str, str]:
    """What stands in the fields: the client's own, or those of somebody imaginary."""
    name = client.full_name if client else _("Anna Ivanova")
    return {
        "full_name": name,
        "greeting": (client.greeting if client else _("Anna")) or name,
        "email": client.email if client else "anna@example.com",
        "unsubscribe_url": f"{settings.SITE_URL}/u/example/",
    }


def html_page(subject: str, html: str) -> str:
    """The letter as it is, under a line with its subject."""
    line = head(subject)
    tag = BODY_TAG.search(html)
    if tag:
        return f"{html[: tag.end()]}{line}{html[tag.end() :]}"
    return f'<!doctype html><meta charset="utf-8">{line}{html}'


def text_page(subject: str, text: str) -> str:
    page = '<!doctype html><meta charset="utf-8"><body style="{}">{}<pre style="{}">{}</pre>'
    return format_html(page, PAGE_STYLE, head(subject), TEXT_STYLE, text)


def notice(sentence: str) -> str:
    """A sentence where a letter cannot be shown: it must not look like a subject."""
    page = '<!doctype html><meta charset="utf-8"><body style="{}"><p style="{}">{}</p>'
    return format_html(page, PAGE_STYLE, NOTICE_STYLE, sentence)


def head(subject: str) -> SafeString:
    return format_html('<div style="{}">{}</div>', HEAD_STYLE, subject)


def without_tags(html: str) -> str:
    """The words of the document, more or less: Django's `strip_tags` raises for some letters, and lists show all."""
    return TAG.sub("", STYLES.sub(" ", html))
