"""Is anything being sent? Heartbeats, what every page of the admin warns of, and the answer for monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.errors import RefusalCode
from mailing.formatting import Tone
from mailing.models import Heartbeat, Mailing, MailService
from mailing.models.heartbeats import WORKERS_SILENT_AFTER
from mailing.services import states
from mailing.services.access import audit_log, site_guard
from mailing.services.states import Workers

FORGOTTEN_AFTER = timedelta(days=1)

SERVICE_DOWN = _(
    "The mail server does not take letters. They wait and go later; the next try is at %(at)s. It said: %(response)s"
)
SERVICE_SILENT = _("The mail server does not answer. The letters wait and go later; the next try is at %(at)s.")


@dataclass(frozen=True)
class Banner:
    """A warning for every page: `kind` is stable (no_cluster, workers, disabled, copy, service, parked, overdue)."""

    kind: str
    text: str
    tone: Tone = "red"  # or amber


# --- Heartbeat --------------------------------------------------------------------------------------


def beat(
    *, host: str, pid: int, version: str, workers: int, worker_seen: datetime | None, now: datetime | None = None
) -> None:
    """The sign of life of one cluster."""
    moment = now or timezone.now()
    Heartbeat.objects.update_or_create(
        host=host,
        pid=pid,
        defaults={"version": version, "workers": workers, "seen": moment, "worker_seen": worker_seen},
    )
    Heartbeat.objects.filter(seen__lt=moment - FORGOTTEN_AFTER).delete()


def forget(*, host: str, pid: int) -> None:
    """A cluster that was stopped in order is missed at once."""
    Heartbeat.objects.filter(host=host, pid=pid).delete()


# --- Banner -----------------------------------------------------------------------------------------


def banners(now: datetime | None = None) -> list[Banner]:
    """What keeps letters from going out, the worst first; empty when all is well. Four small queries."""
    moment = now or timezone.now()
    found = [_gate_banner(), _cluster_banner(moment), _service_banner(moment)]
    return [banner for banner in found if banner is not None] + _queue_banners(moment)


def _gate_banner() -> Banner | None:
    refusal = site_guard.refusal()
    if refusal is None:
        return None
    return Banner("disabled" if refusal.code is RefusalCode.DISABLED else "copy", str(refusal))


def _cluster_banner(now: datetime) -> Banner | None:
    workers = states.Signs(now).workers
    if workers is Workers.ANSWER:
        return None
    return Banner("no_cluster" if workers is Workers.NONE else "workers", gettext(states.WITHOUT[workers]))


def _service_banner(now: datetime) -> Banner | None:
    service = MailService.objects.filter(until__gt=now).first()
    if service is None or service.until is None:
        return None
    sentence = SERVICE_DOWN if service.response else SERVICE_SILENT
    values = {"at": audit_log.when(service.until), "response": service.response[:300]}
    return Banner("service", gettext(sentence) % values, "amber")


def _queue_banners(now: datetime) -> list[Banner]:
    found = []
    if parked := len(scheduling.parked_rows()):
        text = ngettext(
            "%(count)s schedule row is broken and was parked.",
            "%(count)s schedule rows are broken and were parked.",
            parked,
        )
        found.append(Banner("parked", text % {"count": parked}, "amber"))
    if late := Mailing.objects.overdue(now).count():
        text = ngettext("%(count)s mailing is overdue.", "%(count)s mailings are overdue.", late)
        found.append(Banner("overdue", text % {"count": late}, "amber"))
    return found


# --- Monitoring -------------------------------------------------------------------------------------


def report(now: datetime | None = None) -> tuple[bool, dict[str, Any]]:
    """For /healthz: whether all is well, and why not. No names, no addresses."""
    moment = now or timezone.now()
    try:
        body = _report(moment)
    except AnyDatabaseError:  # a DatabaseError, or an InterfaceError: a restart closed the connection under us
        return False, {"status": "trouble", "database": False}
    well = body["heartbeat_age"] is not None and body["workers_answer"] and not body["overdue"]
    return well, {"status": "ok" if well else "trouble"} | body


def _report(now: datetime) -> dict[str, Any]:
    alive = list(Heartbeat.objects.alive(now).order_by("-seen"))
    heard = [beat.worker_seen for beat in alive if beat.worker_seen is not None]
    service_until = MailService.objects.filter(until__gt=now).values_list("until", flat=True).first()
    return {
        "database": True,
        "clusters": len(alive),
        "heartbeat_age": round((now - alive[0].seen).total_seconds(), 1) if alive else None,
        "workers_answer": bool(heard) and max(heard) >= now - WORKERS_SILENT_AFTER,
        "overdue": Mailing.objects.overdue(now).count(),
        "sending_enabled": settings.MAILING_SENDING_ENABLED and not site_guard.is_copy(),
        "mail_service_waits_until": service_until.isoformat() if service_until else None,
    }
