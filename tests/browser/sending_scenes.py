"""Pages of mailings and attempts in states a fresh demo has not, and what an act on them answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from mailing.choices import AttemptStatus, DeliveryStatus, MailingStatus, Periodicity, WaitsFor
from mailing.models import Attempt, Delivery, Heartbeat, Mailing, Message
from mailing.services.mailings import lifecycle
from tests.browser.scenes import Stage

MAILINGS, ATTEMPTS = "/admin/mailing/mailing/", "/admin/mailing/attempt/"
MESSAGES, DELIVERIES = "/admin/mailing/message/", "/admin/mailing/delivery/"


def furnish() -> None:
    """A run in the middle, one that waits for the server, and a retry that has just begun."""
    boss, now = User.objects.get(username="manager"), timezone.now()
    going = Q(pk=lifecycle.send_now(_daily(), by=boss).pk)
    lease = {"lease_owner": "demo", "lease_until": now + timedelta(hours=2)}
    Attempt.objects.filter(going).update(sent=97, failed=2, started_at=now - timedelta(seconds=50), **lease)
    waiting = Q(pk=lifecycle.send_now(_monthly(), by=boss).pk)
    until = now + timedelta(minutes=15)
    why = {"waits_for": WaitsFor.DEFERRED, "note_params": {"at": until.isoformat()}}
    Attempt.objects.filter(waiting).update(sent=12, resume_at=until, **why)
    lifecycle.retry(_spoilt(_finished()), by=boss)


def breathe() -> None:
    """A cluster lives, and a letter has just been decided: as it is while somebody looks at a page that works."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(host="demo", pid=1, defaults={"workers": 2, "seen": now, "worker_seen": now})
    Attempt.objects.filter(lease_owner="demo").update(decided_at=now)


def _stalled(page: str, stage: Stage) -> None:
    """The server has not answered about a letter for four minutes."""
    Attempt.objects.filter(lease_owner="demo").update(decided_at=None, slice_at=timezone.now() - timedelta(minutes=4))
    stage.go(page)


def _alone(page: str, stage: Stage) -> None:
    """Nobody runs that could send."""
    Heartbeat.objects.all().delete()
    _stalled(page, stage)


def _daily() -> Mailing:
    return Mailing.objects.get(periodicity=Periodicity.DAILY)


def _weekly() -> Mailing:
    return Mailing.objects.get(periodicity=Periodicity.WEEKLY, is_paused=False)


def _monthly() -> Mailing:
    return Mailing.objects.get(periodicity=Periodicity.MONTHLY)


def _paused() -> Mailing:
    return Mailing.objects.get(is_paused=True)


def _finished() -> Mailing:
    return Mailing.objects.get(status=MailingStatus.FINISHED)


def _spoilt(mailing: Mailing) -> Attempt:
    return mailing.attempts.filter(status=AttemptStatus.PARTLY)[0]


def _mailing(find: Callable[[], Mailing], page: str, stage: Stage) -> None:
    stage.go(f"{MAILINGS}{find().pk}/{page}/")


def _pressed(find: Callable[[], Mailing], page: str, stage: Stage) -> None:
    """What the button of a question answers."""
    _mailing(find, page, stage)
    stage.click("main .button-row .btn-primary")


def _attempt(find: Callable[[], Attempt], stage: Stage) -> None:
    stage.go(f"{ATTEMPTS}{find().pk}/change/")


def _act(action: str, stage: Stage) -> None:
    stage.go(MAILINGS)
    for box in stage.tab.locator(".action-select").all()[:3]:
        box.check()
    if action:
        stage.tab.select_option(".actions select", action)
        stage.click(".actions button")


def _open_filter(stage: Stage) -> None:
    stage.go(MAILINGS)
    stage.tab.locator("details.filter summary").first.click()


def _wrong_mailing(stage: Stage) -> None:
    stage.go(f"{MAILINGS}add/")
    stage.tab.fill("[name=end_at_0]", "2020-01-01")
    stage.tab.fill("[name=end_at_1]", "10:00")
    stage.click("[name=_save]")


def _wrong_date(stage: Stage) -> None:
    stage.go(f"{MAILINGS}{_weekly().pk}/schedule/")
    stage.tab.fill("[name=end_at_0]", "31 февраля")
    stage.tab.fill("[name=end_at_1]", "10:00")
    stage.click("[name=_save]")


def _wrong_message(stage: Stage) -> None:
    stage.go(f"{MESSAGES}add/")
    stage.tab.fill("[name=subject]", "Новости для {{ nmae }}")
    stage.tab.fill("[name=body]", "Здравствуйте, {{ greeting }}!")
    stage.click("[name=_save]")


def _html() -> int:
    return Message.objects.filter(is_html=True).order_by("pk")[0].pk


def _read_only(stage: Stage) -> None:
    stage.show(stage.answered(f"{MESSAGES}{_html()}/change/", user="viewer"))


def _refused_delivery(stage: Stage) -> None:
    delivery = Delivery.objects.filter(status=DeliveryStatus.FAILED)[0]
    stage.go(f"{DELIVERIES}{delivery.pk}/change/")


SCENES: dict[str, Callable[[Stage], None]] = {
    "scene_mailing_sending": partial(_mailing, _daily, "change"),
    "scene_mailing_stalled": lambda stage: _stalled(f"{MAILINGS}{_daily().pk}/change/", stage),
    "scene_overview_alone": partial(_alone, "/admin/"),
    "scene_mailings_alone": partial(_alone, MAILINGS),
    "scene_mailing_waiting": partial(_mailing, _monthly, "change"),
    "scene_mailing_repeats": partial(_mailing, _weekly, "change"),
    "scene_mailing_paused": partial(_mailing, _paused, "change"),
    "scene_mailing_wrong": _wrong_mailing,
    "scene_mailing_letter": partial(_mailing, _weekly, "letter"),
    "scene_mailing_schedule": partial(_mailing, _weekly, "schedule"),
    "scene_mailing_schedule_paused": partial(_mailing, _paused, "schedule"),
    "scene_mailing_schedule_wrong": _wrong_date,
    "scene_mailing_schedule_read_only": lambda stage: stage.show(
        stage.answered(f"{MAILINGS}{_weekly().pk}/schedule/", user="viewer")
    ),
    "scene_mailing_runs": partial(_mailing, _daily, "runs"),
    "scene_mailing_runs_partly": lambda stage: stage.go(f"{MAILINGS}{_daily().pk}/runs/?result=partly"),
    "scene_send_running": partial(_mailing, _daily, "send"),
    "scene_send_waiting": partial(_mailing, _monthly, "send"),
    "scene_send_paused": partial(_mailing, _paused, "send"),
    "scene_send_ended": partial(_mailing, _finished, "send"),
    "scene_finish_running": partial(_mailing, _daily, "finish"),
    "scene_delete_running": partial(_mailing, _daily, "delete"),
    "scene_delete_mailing": partial(_mailing, _weekly, "delete"),
    "scene_preview_text": lambda stage: stage.go(f"{MAILINGS}{_daily().pk}/letter/?shown=text"),
    "scene_rehearsed": partial(_pressed, _weekly, "dry-run"),
    "scene_tested": partial(_pressed, _weekly, "test"),
    "scene_send_several": partial(_act, "send_now"),
    "scene_finish_several": partial(_act, "finish"),
    "scene_mailings_ticked": partial(_act, ""),
    "scene_mailings_filter_open": _open_filter,
    "scene_mailings_filtered": lambda stage: stage.go(f"{MAILINGS}?state=running&attention=errors"),
    "scene_mailings_nothing": lambda stage: stage.go(f"{MAILINGS}?q=samovar"),
    "scene_message_html": lambda stage: stage.go(f"{MESSAGES}{_html()}/change/"),
    "scene_message_read_only": _read_only,
    "scene_message_wrong": _wrong_message,
    "scene_attempt_failed": partial(_attempt, lambda: _daily().attempts.filter(status=AttemptStatus.FAILED)[0]),
    "scene_attempt_partly": partial(_attempt, lambda: _spoilt(_weekly())),
    "scene_attempt_retried": partial(_attempt, lambda: _spoilt(_finished())),
    "scene_attempt_missed": partial(_attempt, lambda: Attempt.objects.get(status=AttemptStatus.MISSED)),
    "scene_attempt_sending": partial(_attempt, lambda: _daily().attempts.running()[0]),
    "scene_attempt_waiting": partial(_attempt, lambda: _monthly().attempts.running()[0]),
    "scene_attempts_failed": lambda stage: stage.go(f"{ATTEMPTS}?status__exact=failed"),
    "scene_attempts_errors": lambda stage: stage.go(f"{ATTEMPTS}?letters=errors"),
    "scene_deliveries_of_attempt": lambda stage: stage.go(
        f"{DELIVERIES}?attempt__id__exact={_spoilt(_weekly()).pk}&status__exact=failed"
    ),
    "scene_delivery_refused": _refused_delivery,
}
