"""Dispatcher, pool and writer at work, with the in-memory twin as the mail server and the real ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from mailing.delivery.engine import runner
from mailing.delivery.engine.dispatcher import Dispatcher, Stop
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Claim
from mailing.delivery.guards import circuit_breaker
from mailing.delivery.transport import Transport
from mailing.delivery.transports.django_backend import BackendTransport
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery, Mailing, MailService
from mailing.replies import Phase, Reply, Trouble, Verdict
from mailing.services import runs
from tests.chaos.books import balance
from tests.delivery.transports.in_memory import MemoryTransport, Said
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = "here:1:2:abc"


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.RECONNECT_PAUSE", 0.01)
    settings.MAILING_RETRY_DELAYS = [0.05, 0.05]
    settings.MAILING_BREAKER_PAUSES = [60]


def an_attempt(clients: int = 30) -> Attempt:
    attempt = runs.start(MailingFactory.create(clients=clients), occurrence=None, trigger="manual")
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner=OWNER)
    return Attempt.objects.select_related("mailing").get(pk=attempt.pk)


def work(attempt: Attempt, transport: Transport, *, lines: int = 4, **options: Any) -> runner.RunnerReport:
    given: dict[str, Any] = {
        "compose": lambda claim, eight_bit: claim.email.encode() + b"\r\n",
        "sender": "samovar@example.com",
        "seconds": 60,
        "probing": False,
        "stop": lambda: False,
        "progress": lambda ledger: None,
        "pulse": lambda: None,
    }
    report = runner.run(transport, Ledger(attempt, OWNER), runner.RunnerOptions(lines=lines, **(given | options)))
    balance(attempt)
    return report


def emails(attempt: Attempt) -> list[str]:
    return list(attempt.deliveries.order_by("pk").values_list("email", flat=True))


def told(emails: Iterable[str], *said: Said) -> Mapping[str, list[Said]]:
    return {email: list(said) for email in emails}


def counts(attempt: Attempt) -> dict[str, int]:
    attempt.refresh_from_db()
    return {name: getattr(attempt, name) for name in ("sent", "failed", "unconfirmed", "skipped", "open")}


def said(phase: Phase, code: int, text: str) -> Said:
    return phase, Reply.of(code, text)


def test_everybody_gets_one_letter_over_as_many_lines_as_allowed() -> None:
    attempt, transport = an_attempt(), MemoryTransport(delay=0.002)
    report = work(attempt, transport)
    assert report.stopped is Stop.NOTHING_LEFT
    assert sorted(letter.to for letter in transport.accepted) == sorted(emails(attempt))
    assert transport.opened == 4
    assert counts(attempt) == {"sent": 30, "failed": 0, "unconfirmed": 0, "skipped": 0, "open": 0}


def test_a_wrong_password_is_tried_once_and_touches_nobody() -> None:
    """Rule 6 of a run."""
    attempt = an_attempt()
    transport = MemoryTransport(greetings=[said(Phase.AUTH, 535, "5.7.8 wrong")] * 5)
    report = work(attempt, transport)
    assert report.stopped is Stop.SERVICE
    assert report.until is not None
    assert report.outcome is not None
    assert report.outcome.verdict is Verdict.CONFIGURATION
    assert len(transport.greetings) == 4
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}


def test_the_breaker_opens_after_three_failures_in_a_row() -> None:
    """Rule 6 of a run."""
    attempt = an_attempt()
    transport = MemoryTransport(greetings=[(Phase.CONNECT, Trouble.LOST)] * 5)
    report = work(attempt, transport)
    assert report.stopped is Stop.SERVICE
    assert len(transport.greetings) == 2
    assert MailService.load().failures == 3


def test_two_failures_cost_nobody_anything() -> None:
    attempt = an_attempt()
    transport = MemoryTransport(greetings=[(Phase.CONNECT, Trouble.LOST)] * 2)
    assert work(attempt, transport).stopped is Stop.NOTHING_LEFT
    assert counts(attempt)["sent"] == 30
    assert MailService.load().failures == 0


def test_trouble_in_mid_dialogue_gives_the_letter_back_without_a_try() -> None:
    attempt = an_attempt(3)
    first = emails(attempt)[0]
    transport = MemoryTransport({first: [said(Phase.MAIL, 421, "4.3.2 busy")]})
    work(attempt, transport)
    assert attempt.deliveries.get(email=first).tries == 1
    assert counts(attempt)["sent"] == 3


def test_a_deferred_letter_is_tried_again_after_all_others() -> None:
    """Rule 5 of a run."""
    attempt = an_attempt()
    first = emails(attempt)[0]
    transport = MemoryTransport({first: [said(Phase.RCPT, 451, "4.7.1 greylisted")]}, delay=0.001)
    work(attempt, transport)
    assert [letter.to for letter in transport.accepted][-1] == first
    assert attempt.deliveries.get(email=first).tries == 2


def test_after_the_last_try_it_fails_with_the_servers_words() -> None:
    """Rule 5 of a run."""
    attempt = an_attempt(2)
    first = emails(attempt)[0]
    work(attempt, MemoryTransport({first: [said(Phase.RCPT, 451, "4.7.1 greylisted")] * 3}))
    row = attempt.deliveries.get(email=first)
    assert (row.status, row.reason, row.tries) == ("failed", "tries_used_up", 3)
    assert row.response == "451 4.7.1 greylisted"


def test_a_letter_lost_after_the_dot_is_never_sent_again() -> None:
    """Rule 5 of a run."""
    attempt = an_attempt(3)
    first = emails(attempt)[0]
    transport = MemoryTransport({first: [(Phase.DOT, Trouble.LOST)]})
    work(attempt, transport)
    assert counts(attempt)["unconfirmed"] == 1
    assert [letter.to for letter in transport.accepted].count(first) == 1


def test_a_server_that_drops_each_line_after_the_dot_is_trouble_of_the_service() -> None:
    attempt = an_attempt(100)
    transport = MemoryTransport(told(emails(attempt), (Phase.DOT, Trouble.LOST)), delay=0.001)

    report = work(attempt, transport)

    assert (report.stopped, report.until is not None) == (Stop.SERVICE, True)
    found = counts(attempt)
    assert (
        found["unconfirmed"] == len(transport.accepted) <= 3 * (4 + 1)
    )  # the threshold, on each line, and one just opened
    assert found["open"] == 100 - found["unconfirmed"]


def test_refusals_between_do_not_hide_that_letters_vanish() -> None:
    attempt = an_attempt(100)
    no_such_user, vanishes = said(Phase.RCPT, 550, "5.1.1 no such user"), (Phase.DOT, Trouble.LOST)
    addresses = emails(attempt)
    answers = {**told(addresses[::2], no_such_user), **told(addresses[1::2], vanishes)}

    assert work(attempt, MemoryTransport(answers, delay=0.001), lines=2).stopped is Stop.SERVICE
    assert counts(attempt)["unconfirmed"] <= 3 * (2 + 1)


def test_a_line_lost_now_and_then_after_the_dot_stops_nothing() -> None:
    attempt = an_attempt(60)
    lost = emails(attempt)[4::10]

    work(attempt, MemoryTransport(told(lost, (Phase.DOT, Trouble.LOST))), lines=1)

    assert counts(attempt) == {"sent": 54, "failed": 0, "unconfirmed": 6, "skipped": 0, "open": 0}


def test_the_probe_after_letters_vanished_costs_one_letter() -> None:
    attempt = an_attempt(20)
    circuit_breaker.failed("", timezone.now() - timedelta(minutes=5), at_once=True, probing=False)
    circuit_breaker.admit(timezone.now())
    transport = MemoryTransport(told(emails(attempt), (Phase.DOT, Trouble.LOST)))

    assert work(attempt, transport, probing=True).stopped is Stop.SERVICE
    assert counts(attempt)["unconfirmed"] == 1


def test_a_probe_accepted_by_a_backend_that_gives_no_code_closes_the_breaker() -> None:
    attempt = an_attempt(5)
    circuit_breaker.failed("", timezone.now() - timedelta(minutes=5), at_once=True, probing=False)
    circuit_breaker.admit(timezone.now())

    work(attempt, BackendTransport("django.core.mail.backends.locmem.EmailBackend"), probing=True)

    assert counts(attempt)["sent"] == 5
    assert MailService.load().until is None


def test_twenty_refusals_in_a_row_that_may_mean_us_mark_nobody() -> None:
    """Rule 5 of a run."""
    attempt = an_attempt()
    transport = MemoryTransport(told(emails(attempt), said(Phase.RCPT, 550, "5.7.1 relay access denied")))
    report = work(attempt, transport)
    assert report.stopped is Stop.SERVICE
    assert report.until is not None
    assert set(attempt.deliveries.values_list("status", "reason", "tries")) == {("queued", "", 0)}


def test_nineteen_refusals_in_a_row_are_nineteen_refusals() -> None:
    attempt = an_attempt(40)
    refused = emails(attempt)[1:20]
    work(attempt, MemoryTransport(told(refused, said(Phase.RCPT, 550, "5.7.1 denied"))), lines=1)
    assert counts(attempt) == {"sent": 21, "failed": 19, "unconfirmed": 0, "skipped": 0, "open": 0}


@pytest.mark.parametrize(("taken", "failed", "stopped"), [(0, 30, Stop.NOTHING_LEFT), (5, 0, Stop.SERVICE)])
def test_who_was_refused_before_is_believed_unless_one_of_them_is_accepted_now(
    taken: int, failed: int, stopped: Stop
) -> None:
    attempt = an_attempt(60)
    put_behind = emails(attempt)[:30]
    attempt.deliveries.filter(email__in=put_behind).update(
        status="deferred", retry_at=timezone.now(), refused_before=True
    )
    refusals = told(put_behind[taken:], said(Phase.RCPT, 550, "5.7.1 denied"))

    report = work(attempt, MemoryTransport(refusals), lines=1)

    assert report.stopped is stopped
    found = counts(attempt)
    assert (found["sent"], found["failed"]) == (30 + taken, failed)


def test_a_message_that_is_refused_stops_the_run_at_once() -> None:
    """Rule 6 of a run."""
    attempt = an_attempt()
    transport = MemoryTransport({emails(attempt)[0]: [said(Phase.DOT, 552, "too big")]})
    report = work(attempt, transport, lines=1)
    assert report.stopped is Stop.MESSAGE
    assert counts(attempt)["failed"] == 1
    assert counts(attempt)["sent"] <= 1


def test_a_letter_is_composed_only_when_its_claim_is_in_the_database() -> None:
    """Rule 4 of a run."""
    attempt = an_attempt()
    found: list[str] = []

    def look(pk: int) -> None:
        """By a connection of its own, which sees what is committed."""
        found.append(Delivery.objects.values_list("status", flat=True).get(pk=pk))
        connection.close()

    def compose(claim: Claim, eight_bit: bool) -> bytes:
        stranger = threading.Thread(target=look, args=[claim.id])
        stranger.start()
        stranger.join()
        return b"Hello\r\n"

    work(attempt, MemoryTransport(), compose=compose)
    assert counts(attempt)["sent"] == 30
    assert found == ["sending"] * 30


def test_a_client_whose_letter_cannot_be_composed_does_not_hold_up_the_others() -> None:
    """Rule 4 of a run."""
    attempt = an_attempt()
    poison = emails(attempt)[3]

    def compose(claim: Claim, eight_bit: bool) -> bytes:
        if claim.email == poison:
            raise ValueError(claim.email)
        return b"Hello\r\n"

    work(attempt, MemoryTransport(), compose=compose)
    assert counts(attempt) == {"sent": 29, "failed": 1, "unconfirmed": 0, "skipped": 0, "open": 0}
    assert attempt.deliveries.get(email=poison).reason == "bad_address"


def after(calls: int) -> Callable[[], bool]:
    left = [calls]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


def test_who_is_asked_to_stop_finishes_the_letters_in_flight_and_returns_the_rest() -> None:
    """Rule 9 of a run."""
    attempt, transport = an_attempt(200), MemoryTransport(delay=0.02)
    report = work(attempt, transport, stop=after(1))
    assert report.stopped is Stop.ASKED
    assert counts(attempt)["sent"] == len(transport.accepted) < 200
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}


def test_the_time_of_a_slice_ends_it() -> None:
    attempt, transport = an_attempt(200), MemoryTransport(delay=0.1)
    report = work(attempt, transport, seconds=1.5)
    assert report.stopped is Stop.TIME
    assert 0 < counts(attempt)["sent"] < 200
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}


def test_the_pulse_can_stop_it() -> None:
    attempt = an_attempt(200)
    report = work(attempt, MemoryTransport(delay=0.02), pulse=lambda: Stop.PAUSED)
    assert report.stopped is Stop.PAUSED
    assert "sending" not in attempt.deliveries.values_list("status", flat=True)


@pytest.mark.parametrize("ahead", [10, 100])
@pytest.mark.parametrize("how", ["paused", "cut short", "ended"])
def test_a_pause_holds_within_the_letters_in_flight(settings: LazySettings, how: str, ahead: int) -> None:
    """Rule 9 of a run: not within a second of letters."""
    settings.SMTP_CLAIMS_AHEAD = ahead
    attempt, transport = an_attempt(1500), MemoryTransport(delay=0.01)
    mailing = Mailing.objects.filter(pk=attempt.mailing_id)
    pressed: list[int] = []

    def press() -> None:
        if how == "paused":
            mailing.update(is_paused=True)
        elif how == "ended":
            mailing.update(end_at=timezone.now())
        else:
            Attempt.objects.filter(pk=attempt.pk).update(cut_short="ended")
        pressed.append(len(transport.accepted))
        connection.close()

    def compose(claim: Claim, eight_bit: bool) -> bytes:
        if len(transport.accepted) > 200 and not stranger.ident:
            stranger.start()
        return b"Hello\r\n"

    stranger = threading.Thread(target=press)
    report = work(attempt, transport, lines=4, compose=compose, pulse=lambda: Stop.PAUSED if pressed else None)
    stranger.join()
    assert report.stopped is Stop.PAUSED
    assert len(transport.accepted) - pressed[0] <= 2 * 4 * 3  # in 1 s they would be 400; threads share two cores
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}


def test_a_retry_goes_on_after_the_end_and_asks_no_more_often_than_before() -> None:
    attempt = an_attempt(100)
    Attempt.objects.filter(pk=attempt.pk).update(trigger="retry")
    Mailing.objects.filter(pk=attempt.mailing_id).update(end_at=timezone.now())
    asked: list[bool] = []
    work(attempt, MemoryTransport(delay=0.01), pulse=lambda: asked.append(True))
    assert counts(attempt)["sent"] == 100
    assert len(asked) <= 3


def test_the_rate_holds(settings: LazySettings) -> None:
    settings.MAILING_RATE_LIMIT = "20/s"
    attempt, transport = an_attempt(100), MemoryTransport()
    report = work(attempt, transport, seconds=1.5)
    assert report.stopped is Stop.TIME
    assert 1 <= len(transport.accepted) <= 50


def test_a_rate_of_a_few_a_day_does_not_hold_the_worker(settings: LazySettings) -> None:
    settings.MAILING_RATE_LIMIT = "2000/d"
    attempt, transport = an_attempt(3), MemoryTransport()
    report = work(attempt, transport)
    assert report.stopped is Stop.NOTHING_LEFT
    assert len(transport.accepted) == 1
    assert counts(attempt)["open"] == 2


@pytest.mark.parametrize("ahead", [0, 5, 100])
def test_claims_run_ahead_of_the_lines_by_no_more_than_the_setting(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """Rule 2 of a run."""
    settings.SMTP_CLAIMS_AHEAD = ahead
    attempt, transport = an_attempt(600), MemoryTransport(delay=0.001)
    seen: list[int] = []

    honest = Ledger.exchange

    def exchange(self: Ledger, *batch: Any, **options: Any) -> list[Claim]:
        claims = honest(self, *batch, **options)
        seen.append(attempt.deliveries.filter(status="sending").count())
        return claims

    monkeypatch.setattr("mailing.delivery.engine.writer.GROUP_WAIT", 0)  # it would hide claims on their way
    monkeypatch.setattr(Ledger, "exchange", exchange)
    work(attempt, transport, lines=3)
    assert counts(attempt)["sent"] == 600
    assert len(seen) > 10
    assert max(seen) <= 2 * 3 + ahead


class Asleep:
    """A writer that is never woken."""

    def wake(self) -> None: ...

    def hurry(self) -> None: ...


def test_claims_on_their_way_to_the_lines_are_counted(settings: LazySettings) -> None:
    settings.SMTP_CLAIMS_AHEAD = 50
    dispatcher = Dispatcher(lambda claim, eight_bit: b"", "a@example.com", lines=2, writer=Asleep())
    assert dispatcher.wanted(100) == 50
    dispatcher.handed_over = 30  # by the writer's thread; the loop has not seen them
    assert dispatcher.wanted(100) == 20


def test_a_line_that_ends_leaves_the_letter_it_was_called_for_to_another() -> None:
    async def scene() -> bool:
        dispatcher = Dispatcher(lambda claim, eight_bit: b"", "a@example.com", lines=2, writer=Asleep())
        one, two, three = dispatcher.wait(), dispatcher.wait(), dispatcher.wait()
        two.cancel()
        dispatcher.arrived([Claim(1, "b@example.com", "", "", "<1@x>", 0)], [], timezone.now())
        assert one.done()  # called, but its line ends now
        dispatcher.offer()
        return await asyncio.wait_for(three, 1)

    assert asyncio.run(scene())


def test_outcomes_of_a_lost_lease_are_not_written() -> None:
    attempt = an_attempt(50)

    def lose() -> None:
        Attempt.objects.filter(pk=attempt.pk).update(lease_owner="somebody else")

    with pytest.raises(LeaseLost):
        work(attempt, MemoryTransport(delay=0.01), pulse=lose)
    balance(attempt)
    assert attempt.sent == 0


def test_words_of_an_outcome_travel_into_the_row() -> None:
    attempt = an_attempt(1)
    work(attempt, MemoryTransport({emails(attempt)[0]: [said(Phase.DOT, 250, "2.0.0 queued as 7F3A")]}))
    assert attempt.deliveries.get().response == "250 2.0.0 queued as 7F3A"
