"""The report: its numbers are those of the rows behind them, whatever the period, the filter and the order."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import urlencode

from mailing.choices import AttemptStatus, Trigger
from mailing.models import Attempt, Mailing
from mailing.services.reports import spans
from mailing.services.reports.spans import Grain, Preset, Span
from tests.factories import AttemptFactory, MailingFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/mailing/attempt/"
REPORT = f"{LIST}report/"
DAY = timedelta(days=1)
LETTERS = {"accepted": "sent", "refused": "failed", "unconfirmed": "unconfirmed", "skipped": "skipped"}


@pytest.fixture
def boss(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def attempts(db: None) -> list[Attempt]:
    """A hundred and fifty of five mailings over four months, of every kind."""
    dice, message = random.Random(31), MessageFactory()
    mailings = [MailingFactory(name=f"Mailing {n}", message=message, clients=0) for n in range(5)]
    made = []
    for _ in range(150):
        status = dice.choice([s for s in AttemptStatus if s != AttemptStatus.RUNNING])
        numbers = (
            [0] * 4
            if status == AttemptStatus.MISSED
            else [dice.choice((0, 0, 1, dice.randrange(90))) for _ in "1234"]
        )
        began = timezone.now() - timedelta(minutes=dice.randrange(120 * 24 * 60))
        sent, failed, unconfirmed, skipped = numbers
        made.append(
            Attempt(
                mailing=dice.choice(mailings),
                status=status,
                trigger=dice.choice(Trigger.values),
                started_at=began,
                audience=sum(numbers),
                sent=sent,
                failed=failed,
                unconfirmed=unconfirmed,
                skipped=skipped,
            )
        )
    return Attempt.objects.bulk_create(made)


def page(browser: Browser, **asked: str) -> Any:
    response = browser.get(REPORT, asked)
    assert response.status_code == 200
    return response


def numbers_by_hand(attempts: list[Attempt]) -> list[int]:
    ends = (AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY, AttemptStatus.FAILED, AttemptStatus.MISSED)
    by_end = [sum(attempt.status == end for attempt in attempts) for end in ends]
    return [len(attempts), *by_end, *(sum(getattr(a, field) for a in attempts) for field in LETTERS.values())]


def within(attempts: list[Attempt], since: str, until: str) -> list[Attempt]:
    return [a for a in attempts if since <= str(timezone.localdate(a.started_at)) <= until]


PERIODS: list[dict[str, Any]] = [
    {},
    *({"period": preset.value} for preset in Preset),
    {"started_at__since": "2020-01-01"},
    {"period": "90", "trigger__exact": "retry"},
    {"period": "90", "letters": "errors"},
    {"period": "90", "status__exact": "partly"},
]


@pytest.mark.parametrize("asked", PERIODS, ids=str)
def test_the_numbers_are_those_of_a_slow_count(boss: Browser, attempts: list[Attempt], asked: dict[str, str]) -> None:
    shown = page(boss, **asked).context
    ours = [
        a
        for a in within(attempts, shown["since"], shown["until"])
        if asked.get("trigger__exact", a.trigger) == a.trigger
        and asked.get("status__exact", a.status) == a.status
        and ("letters" not in asked or a.failed or a.unconfirmed)
    ]
    if not ours:
        assert not shown["rows"]
        return
    assert [number.value for number in shown["total_numbers"]] == numbers_by_hand(ours)
    for line in shown["lines"]:
        mine = [a for a in ours if a.mailing_id == line.mailing_id]
        assert [number.value for number in line.numbers] == numbers_by_hand(mine)
        assert line.last_at == max(a.started_at for a in mine)
    summed = [sum(column.values[n] for column in shown["chart"].columns) for n in range(3)]
    assert summed == [sum(getattr(a, name) for a in ours) for name in ("sent", "unconfirmed", "failed")]


@pytest.mark.parametrize(
    "asked", [{}, {"period": "90", "letters": "errors"}, {"period": "90", "trigger__exact": "retry"}]
)
def test_every_number_leads_to_a_list_that_counts_the_same(
    boss: Browser, attempts: list[Attempt], asked: dict[str, str]
) -> None:
    context = page(boss, **asked).context
    checked = 0
    for numbers in ([*line.numbers] for line in [*context["lines"][:2]]):
        for place, number in enumerate(numbers):
            assert bool(number.url) == bool(number.value)
            if number.url:
                listed = boss.get(LIST + number.url.removeprefix("../")).context["cl"]
                letters = [listed.totals.sent, listed.totals.failed, listed.totals.unconfirmed, listed.totals.skipped]
                assert number.value == (listed.result_count if place < 5 else letters[place - 5])
                checked += 1
    assert checked > 5


def test_cards_and_columns_lead_to_lists_that_count_the_same(boss: Browser, attempts: list[Attempt]) -> None:
    context = page(boss, period="90").context
    fields = ["sent", "failed", "unconfirmed", "skipped"]
    for card, field in zip(context["cards"][1:], fields, strict=True):
        listed = boss.get(LIST + card.url.removeprefix("../")).context["cl"]
        assert getattr(listed.totals, field) == card.value
    column = next(column for column in context["chart"].columns if column.url)
    totals = boss.get(LIST + column.url.removeprefix("../")).context["cl"].totals
    assert (totals.sent, totals.unconfirmed, totals.failed) == column.values


def test_the_shares_add_up_to_all(boss: Browser) -> None:
    AttemptFactory(status=AttemptStatus.PARTLY, audience=1000, sent=991, failed=8, unconfirmed=1)
    notes = [card.note.split("%")[0] for card in page(boss).context["cards"][1:]]
    assert notes == ["99.1", "0.8", "0.1", "0"]


def test_it_is_compared_with_the_period_before(boss: Browser) -> None:
    now = timezone.now()
    AttemptFactory(status=AttemptStatus.SUCCEEDED, started_at=now - DAY, audience=150, sent=150)
    AttemptFactory(status=AttemptStatus.SUCCEEDED, started_at=now - 9 * DAY, audience=100, sent=100)
    context = page(boss, period="7").context
    assert context["cards"][1].note == "100% · +50%, 100 before"
    assert context["cards"][2].note == "0% · none before either"
    assert [card.tone for card in context["cards"]] == [""] * 5


def test_only_what_is_bad_has_a_colour(boss: Browser) -> None:
    AttemptFactory(status=AttemptStatus.PARTLY, audience=10, sent=8, failed=2)
    assert [card.tone for card in page(boss).context["cards"]] == ["", "", "red", "", ""]


@pytest.mark.parametrize("period", ["", *(preset.value for preset in Preset)])
def test_the_dates_are_never_empty(boss: Browser, period: str) -> None:
    context = page(boss, **({"period": period} if period else {})).context
    assert context["since"] <= context["until"] <= str(timezone.localdate())
    assert [current for _label, _url, current in context["presets"]].count(True) == 1


def test_one_date_alone_is_completed(boss: Browser) -> None:
    AttemptFactory(started_at=timezone.now() - 40 * DAY)
    first = str(timezone.localdate() - 40 * DAY)
    until = str(timezone.localdate() - DAY)
    context = page(boss, started_at__until=until).context
    assert (context["since"], context["until"]) == (first, until)
    context = page(boss, started_at__since="2001-01-01").context
    assert (context["since"], context["until"]) == ("2001-01-01", str(timezone.localdate()))


def test_swapped_dates_are_said_and_swapped_by_a_press(boss: Browser, attempts: list[Attempt]) -> None:
    since, until = str(timezone.localdate()), str(timezone.localdate() - 20 * DAY)
    answer = page(boss, started_at__since=since, started_at__until=until)
    assert "The first day lies after the last." in answer.content.decode()
    assert page(boss).status_code == 200
    mended = boss.get(REPORT + answer.context["swapped"]).context
    assert (mended["since"], mended["until"]) == (until, since)
    assert mended["rows"]


@pytest.mark.parametrize(
    "query",
    [
        *(
            "period=x",
            "period=7&started_at__since=2026-01-01",
            "started_at__since=0001-01-01",
            "sort=id",
            "sort=--last",
        ),
        *("started_at__until=9999-12-31", "started_at__since=2026-02-30", "format=pdf", "nonsense=1", "p=-1", "p=x"),
        *("period=7&period=30", "started_at__since=99999-99", "letters=x", "started_at__year=2026", "sort=--last"),
    ],
)
def test_what_no_link_makes_is_refused(boss: Browser, query: str) -> None:
    assert boss.get(f"{REPORT}?{query}").status_code == 400


@pytest.mark.parametrize(
    "dates", [("1900-01-01", "2999-12-31"), ("1900-01-01", "1900-01-01"), ("2999-12-31", "2999-12-31")]
)
def test_a_thousand_years_fit(boss: Browser, attempts: list[Attempt], dates: tuple[str, str]) -> None:
    since, until = dates
    context = page(boss, started_at__since=since, started_at__until=until).context
    assert len(context["rows"]) == (5 if since != until else 0)
    if context["rows"]:
        assert len(context["chart"].columns) <= 2


@pytest.mark.parametrize("sort", ["name", "-name", "runs", "-accepted", "refused", "last", "-last", "unconfirmed"])
def test_the_rows_can_be_sorted(boss: Browser, attempts: list[Attempt], sort: str) -> None:
    context = page(boss, period="90", sort=sort).context
    assert len(context["lines"]) == 5
    assert [head.order for head in context["heads"]].count("") == len(context["heads"]) - 1
    if sort == "-name":
        assert [line.name for line in context["lines"]] == [f"Mailing {n}" for n in (4, 3, 2, 1, 0)]


def test_names_with_marks_are_shown_as_they_are(boss: Browser) -> None:
    AttemptFactory(mailing__name='<b>"\u202eevil', status=AttemptStatus.SUCCEEDED)
    html = page(boss).content.decode()
    assert "&lt;b&gt;&quot;" in html
    assert "style=" not in html


def test_the_file_holds_the_period_of_the_page(boss: Browser) -> None:
    AttemptFactory(mailing__name="New", status=AttemptStatus.SUCCEEDED)
    AttemptFactory(mailing__name="Old", status=AttemptStatus.SUCCEEDED, started_at=timezone.now() - 60 * DAY)
    query = page(boss).context["query"]
    file = b"".join(boss.get(f"{REPORT}?{query}&format=csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert "New" in file
    assert "Old" not in file


def test_a_thousand_mailings_are_a_few_pages_of_few_bytes_and_queries(boss: Browser) -> None:
    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = boss.get(REPORT)
        return len(queries), len(answer.content)

    AttemptFactory(status=AttemptStatus.PARTLY, audience=2, sent=1, failed=1)
    before, _size = asked()
    message = MessageFactory()
    many = Mailing.objects.bulk_create(
        Mailing(message=message, name=f"Рассылка номер {n} про чай", start_at=timezone.now()) for n in range(300)
    )
    Attempt.objects.bulk_create(
        Attempt(
            mailing=mailing,
            status=status,
            started_at=timezone.now() - n * DAY,
            audience=4000,
            sent=1000,
            failed=1000,
            unconfirmed=1000,
            skipped=1000,
        )
        for mailing in many
        for n, status in enumerate((AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY, AttemptStatus.FAILED))
    )
    after, size = asked()
    assert after == before <= 18
    assert size < 60_000
    assert len(boss.get(REPORT, {"p": "2"}).context["lines"]) == 15


def test_the_sums_are_read_without_the_letters(boss: Browser, attempts: list[Attempt]) -> None:
    with CaptureQueriesContext(connection) as queries:
        page(boss, period="90")
    ours = [query["sql"] for query in queries if "mailing_attempt" in query["sql"]]
    assert not any("html_body" in sql for sql in ours)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for sql in ours:
                if "SUM(" in sql:
                    cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                    assert "COVERING INDEX attempt_numbers" in str(cursor.fetchall())


def test_whoever_may_not_export_is_offered_no_file(attempts: list[Attempt]) -> None:
    viewer = UserFactory()
    viewer.groups.set(Group.objects.filter(name="Viewer"))
    browser = Browser()
    browser.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert "format=csv" not in page(browser).content.decode()
    assert browser.get(f"{REPORT}?format=csv").status_code == 403


# --- Periods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "today", "first", "last", "before"),
    [
        (Preset.WEEK, "2026-03-03", "2026-02-25", "2026-03-03", ("2026-02-18", "2026-02-24")),
        (Preset.MONTH, "2026-03-03", "2026-02-02", "2026-03-03", ("2026-01-03", "2026-02-01")),
        (Preset.THIS_MONTH, "2026-03-31", "2026-03-01", "2026-03-31", ("2026-02-01", "2026-02-28")),
        (Preset.THIS_MONTH, "2026-01-01", "2026-01-01", "2026-01-01", ("2025-12-01", "2025-12-01")),
        (Preset.LAST_MONTH, "2024-03-15", "2024-02-01", "2024-02-29", ("2024-01-01", "2024-01-31")),
        (Preset.THIS_YEAR, "2024-02-29", "2024-01-01", "2024-02-29", ("2023-01-01", "2023-02-28")),
    ],
)
def test_presets(preset: Preset, today: str, first: str, last: str, before: tuple[str, str]) -> None:
    span = spans.of(preset, date.fromisoformat(today))
    assert (str(span.first), str(span.last)) == (first, last)
    earlier = spans.before(span, preset)
    assert (str(earlier.first), str(earlier.last)) == before


@pytest.mark.parametrize("length", [1, 62, 63, 400, 427, 428, 1860, 1861, 10_000])
def test_pieces_cover_the_span_without_a_gap(length: int) -> None:
    span = Span(date(2019, 2, 27), date(2019, 2, 27) + (length - 1) * DAY)
    grain = spans.grain(span)
    parts = spans.pieces(span, grain)
    assert (parts[0].first, parts[-1].last) == (span.first, span.last)
    assert all(a.last + DAY == b.first for a, b in pairwise(parts))
    assert len(parts) <= 63
    if grain is Grain.WEEK:
        assert {part.first.weekday() for part in parts[1:]} == {0}


@time_machine.travel(datetime(2026, 3, 29, 0, 30), tick=False)
def test_a_run_belongs_to_its_local_day(boss: Browser) -> None:
    """Half past three in the night of Moscow is still the day before in UTC."""
    AttemptFactory(started_at=timezone.now() - timedelta(hours=3), status=AttemptStatus.SUCCEEDED, audience=1, sent=1)
    AttemptFactory(started_at=timezone.now() - timedelta(hours=4), status=AttemptStatus.SUCCEEDED, audience=2, sent=2)
    columns = page(boss, period="7").context["chart"].columns
    assert [column.values[0] for column in columns[-2:]] == [2, 1]
    assert urlencode({"started_at__since": "2026-03-29"}) in columns[-1].url
