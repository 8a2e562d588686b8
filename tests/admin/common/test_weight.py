"""What lists cost where years of letters lie behind them: queries, kilobytes, and no letter read for a number.

`make pages` measures the same pages with a million clients and 24 000 attempts of 40 KB.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.choices import AttemptStatus, SuppressionReason
from mailing.models import Attempt, Delivery, Mailing
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory, SuppressionFactory

ROWS = 55  # more than a page
LETTER = "<p>Здравствуйте! Новости недели.</p>\n" * 20
# A whole letter: of an attempt, or of a message. The list of messages asks for the beginnings of bodies.
WHOLE = re.compile(r'"(html_body|text_body|reasons)"|(?<!\()"mailing_message"\."body"(?!, \d)')

# Queries and KB of a full page. Sixty is what a list may weigh; those of mailings draw ten runs in every row.
LISTS = {
    "/admin/": (28, 20),
    "/admin/mailing/client/": (18, 60),
    "/admin/mailing/client/?q=example": (18, 60),
    "/admin/mailing/client/?p=2": (18, 30),
    "/admin/mailing/message/": (13, 60),
    "/admin/mailing/mailing/": (22, 80),
    "/admin/mailing/mailing/?attention=failing": (22, 80),
    "/admin/mailing/mailing/{mailing}/runs/": (21, 20),
    "/admin/mailing/mailing/{mailing}/recipients/": (31, 25),
    "/admin/mailing/mailing/{mailing}/history/": (12, 15),
    "/admin/mailing/attempt/": (18, 60),
    "/admin/mailing/attempt/?p=2": (16, 30),
    "/admin/mailing/attempt/?letters=errors": (16, 62),
    "/admin/mailing/delivery/": (12, 50),
    "/admin/mailing/suppression/": (13, 55),
    "/admin/django_q/schedule/": (13, 15),
}


@pytest.fixture
def years(db: None) -> Mailing:
    """Letters everywhere: in messages, in attempts, behind deliveries and entries of the stop list."""
    newest = None
    for number in range(ROWS):
        message = MessageFactory(subject=f"News {number}", body=LETTER, text_body=LETTER, is_html=True)
        client = ClientFactory(full_name=f"Анна Королёва {number}")
        newest = MailingFactory(name=f"Mailing {number}", message=message, clients=[client])
        letter = {"html_body": LETTER, "text_body": LETTER}
        attempt = AttemptFactory(
            mailing=newest, status=AttemptStatus.FAILED, audience=1, failed=1, subject=message.subject, **letter
        )
        Delivery.objects.create(attempt=attempt, client=client, email=client.email)
        SuppressionFactory(attempt=attempt, reason=SuppressionReason.HARD_BOUNCE)
    AttemptFactory(mailing=newest, status=AttemptStatus.RUNNING, html_body=LETTER)
    assert newest is not None
    assert Attempt.objects.count() == ROWS + 1
    return newest


@pytest.mark.parametrize("address", LISTS)
def test_a_list_reads_no_letter_and_keeps_below_its_ceilings(browser: Browser, years: Mailing, address: str) -> None:
    most_queries, most_kilobytes = LISTS[address]
    url = address.format(mailing=years.pk)
    browser.get(url)  # looks up what stays looked up

    with CaptureQueriesContext(connection) as asked:
        page = browser.get(url)

    assert page.status_code == 200
    assert [query["sql"][:200] for query in asked if WHOLE.search(query["sql"])] == []
    assert len(asked) <= most_queries
    assert len(page.content) <= most_kilobytes * 1024
