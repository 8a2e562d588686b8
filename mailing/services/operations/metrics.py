"""The state of the installation in Prometheus' format. No name, no address, no number of a mailing is in it.

Counters are summed from attempts, whose numbers stay when their deliveries are purged; what was deleted with a
mailing is remembered. The number of queries is constant, whatever the installation holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Max, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from mailing import __version__, scheduling
from mailing.choices import OPEN_STATES, WaitsFor
from mailing.models import Attempt, ClientImport, Heartbeat, Mailing, MailService
from mailing.services import states
from mailing.services.access import site_guard
from mailing.services.reports import run_totals
from mailing.services.states import Signs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
IMPORTED = ("new", "changed", "unchanged", "problems")


def text(now: datetime | None = None) -> bytes:
    """The answer to one scrape. Raises DatabaseError: a scrape that fails is what monitoring must see."""
    registry = CollectorRegistry()
    registry.register(_Installation(now or timezone.now()))
    return generate_latest(registry)


class _Installation(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> list[Metric]:
        """Nothing: without it the registry would collect once more to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield _gauges("samovar_info", "1; the label says which version answers.", "version", {__version__: 1})
        yield from _runs()
        yield from _open_attempts(self.now)
        yield from _mail_service(self.now)
        yield from _clusters(self.now)
        yield from _queue()
        yield _imports()


def _runs() -> Iterator[Metric]:
    totals = run_totals.all_time()
    letters = {outcome: totals[outcome] for outcome in run_totals.OUTCOMES}
    yield _counters("samovar_letters", "Letters of all runs, by what became of them.", "outcome", letters)
    ended = {str(status): totals[run_totals.run_of(status)] for status in run_totals.ENDS}
    yield _counters("samovar_runs", "Runs that ended, and planned times that were missed.", "result", ended)
    yield SummaryMetricFamily(
        "samovar_run_duration_seconds",
        "How long ended runs took, waiting included.",
        count_value=totals["timed"],
        sum_value=totals["seconds"],
    )


def _open_attempts(now: datetime) -> Iterator[Metric]:
    rows = Attempt.objects.running().order_by().values("waits_for")
    found = list(rows.annotate(number=Count("pk"), since=Min("waits_since"), begun=Min("started_at")))
    numbers = dict.fromkeys(("", *WaitsFor.values), 0) | {row["waits_for"]: row["number"] for row in found}
    named = {reason or "none": number for reason, number in numbers.items()}
    stand = Counter(told.state.value for _attempt, told in states.open_runs(Signs(now)))
    named_states = {state.value: stand[state.value] for state in OPEN_STATES}
    yield _gauges("samovar_open_runs", "Runs that are not over, by how they stand.", "state", named_states)
    yield _gauges("samovar_open_attempts", "Runs that are going on, by what they wait for.", "waits_for", named)
    waiting = _age(now, min((row["since"] for row in found if row["since"]), default=None))
    yield _gauge("samovar_waiting_seconds", "For how long the mail service has been holding up a run.", waiting)
    oldest = _age(now, min((row["begun"] for row in found), default=None))
    yield _gauge("samovar_oldest_open_attempt_seconds", "Age of the oldest run that is going on.", oldest)
    yield _gauge("samovar_overdue_mailings", "Mailings due and not started.", Mailing.objects.overdue(now).count())


def _mail_service(now: datetime) -> Iterator[Metric]:
    service = MailService.load()
    is_open = service.until is not None and service.until > now
    yield _gauge("samovar_breaker_open", "1 while no letter is tried because the mail server is in trouble.", is_open)
    yield _gauge("samovar_breaker_failures", "Failures of the mail server in a row.", service.failures)
    enabled = site_guard.refusal() is None
    yield _gauge("samovar_sending_enabled", "0 when sending is switched off, or this is a copy.", enabled)


def _clusters(now: datetime) -> Iterator[Metric]:
    seen = Heartbeat.objects.aggregate(cluster=Max("seen"), worker=Max("worker_seen"))
    yield _gauge("samovar_clusters", "Clusters seen within three minutes.", Heartbeat.objects.alive(now).count())
    ages = {who: _age(now, moment) for who, moment in seen.items() if moment is not None}
    yield _gauges("samovar_heartbeat_age_seconds", "Since the last sign of life; absent: none.", "of", ages)


def _queue() -> Iterator[Metric]:
    yield _gauge("samovar_queue_failures", "Tasks that failed within 30 days.", scheduling.failures())
    if (queued := scheduling.queued()) is not None:
        yield _gauge("samovar_queued_tasks", "Tasks no worker has taken; absent: the queue does not answer.", queued)


def _imports() -> Metric:
    rows: Counter[str] = Counter()
    for counters in ClientImport.objects.exclude(loaded_at=None).order_by().values_list("counters", flat=True):
        rows.update({name: counters.get(name, 0) for name in IMPORTED})
    named = {name: rows[name] for name in IMPORTED}
    return _counters("samovar_import_rows", "Rows of loaded files, by what became of them.", "outcome", named)


def _age(now: datetime, moment: datetime | None) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _gauges(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, help_text, labels=[label]), values)


def _counters(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(CounterMetricFamily(name, help_text, labels=[label]), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
