"""What will happen, in words: the panel on the form of a mailing, and the text of its save button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing.choices import Audience, MailingStatus, Periodicity
from mailing.formatting import day_and_time, num
from mailing.forms.mailings import MailingForm
from mailing.models import Mailing
from mailing.services.mailings import occurrences
from mailing.services.mailings.occurrences import Plan

LAST_SAFE_DAY = 28  # later days are missing in some month


@dataclass(frozen=True)
class PlanPanel:
    """What saving the form as it stands would make happen."""

    sentences: Sequence[str]
    save_label: str
    dates: Sequence[str] = ()
    if_resumed: bool = False  # only then these are the dates
    clients: int | None = None
    nobody: bool = False  # is chosen yet


def panel(form: MailingForm) -> PlanPanel:
    """Of a form that has been cleaned, or was never filled in."""
    wrong = [str(error) for name in ("start_at", "end_at") for error in form.errors.get(name, [])]
    mailing = form.as_it_stands()
    if wrong or mailing.start_at is None:
        return PlanPanel(wrong or [_("Say when the first send is.")], _("Save"))
    plan, ran = occurrences.plan(mailing, timezone.now()), occurrences.has_run(mailing)
    clients = form.clients()
    is_promise = len(plan.dates) > 1 and not (plan.is_draft and ran)
    return PlanPanel(
        sentences=what_will_happen(mailing, plan, ran=ran),
        save_label=save_label(plan, clients, ran=ran),
        if_resumed=plan.is_draft,
        dates=dates(plan) if is_promise else [],
        clients=clients,
        nobody=not clients and mailing.audience == Audience.SELECTED,
    )


def dates(plan: Plan) -> list[str]:
    """The next dates with their weekdays; a run that starts at once is named so."""
    listed, now = [], timezone.now()
    for moment in plan.dates:
        local = timezone.localtime(moment)
        words = f"{WEEKDAYS[local.weekday()]}, {day_and_time(moment)}"
        listed.append(_("at once") if moment <= now else words)
    return listed


def what_will_happen(mailing: Mailing, plan: Plan, *, ran: bool) -> list[str]:
    """One to three sentences; the first says when letters leave."""
    if plan.will_finish:
        return [_("No send is left before the end: the mailing will be finished as soon as it is saved.")]
    sentences = [_schedule(mailing, plan, ran=ran)] if plan.dates else []
    if plan.is_draft:
        sentences.insert(0, _stands_by(ran=ran))
    if mailing.periodicity == Periodicity.MONTHLY and timezone.localtime(mailing.start_at).day > LAST_SAFE_DAY:
        sentences.append(_("In shorter months: on their last day."))
    return sentences


def as_saved(mailing: Mailing, sends: Sequence[datetime], now: datetime) -> list[str]:
    """The plan of a mailing as it stands; `sends` are those that will happen."""
    if mailing.status == MailingStatus.FINISHED:
        ended = {"moment": day_and_time(mailing.end_at)} if mailing.end_at else None
        over = _("It is over since %(moment)s: nothing more is sent.") % ended if ended else _("It is over.")
        return [over]
    if mailing.is_paused or not sends:
        return [_stands_by(ran=occurrences.has_run(mailing))] if mailing.is_paused else [_("No send is left.")]
    plan = occurrences.plan(mailing, now)
    left = plan.remaining if plan.remaining is None or sends[0] > now else plan.remaining + (not plan.starts_now)
    shown = replace(plan, starts_now=False, dates=tuple(sends), remaining=left)
    return what_will_happen(mailing, shown, ran=occurrences.has_run(mailing))


def _stands_by(*, ran: bool) -> str:
    if ran:
        return _("It is paused: nothing leaves until you resume it.")
    return _("This is a draft: nothing leaves until you resume it.")


def _schedule(mailing: Mailing, plan: Plan, *, ran: bool) -> str:
    first = plan.dates[0]
    if plan.starts_now:
        start = _("The first send starts right after saving")
    elif plan.is_draft and first <= timezone.now():
        start = _("Once it is resumed, it sends at once")
    elif plan.is_draft:
        start = _("Resumed in time, it sends on %(moment)s") % {"moment": day_and_time(first)}
    elif ran:
        start = _("The next send is on %(moment)s") % {"moment": day_and_time(first)}
    else:
        start = _("The first send is on %(moment)s") % {"moment": day_and_time(first)}
    return start + _repetition(mailing, plan) + _total(plan) + "."


def _repetition(mailing: Mailing, plan: Plan) -> str:
    if plan.remaining == 1 or mailing.periodicity == Periodicity.ONCE:
        return ""
    local = timezone.localtime(mailing.start_at)
    words = {
        Periodicity.DAILY: _("every day"),
        Periodicity.WEEKLY: weekly(local.weekday()),
        Periodicity.MONTHLY: _("on day %(day)s of each month") % {"day": local.day},
    }[Periodicity(mailing.periodicity)]
    then = _(", then %(often)s at %(time)s") % {"often": words, "time": date_format(local, "H:i")}
    if mailing.end_at is None:
        return then
    return then + _(" until %(moment)s") % {"moment": day_and_time(mailing.end_at)}


def weekly(weekday: int) -> str:
    """“every Monday”: whole phrases, because Russian declines them."""
    return (
        _("every Monday"),
        _("every Tuesday"),
        _("every Wednesday"),
        _("every Thursday"),
        _("every Friday"),
        _("every Saturday"),
        _("every Sunday"),
    )[weekday]


def _total(plan: Plan) -> str:
    if plan.remaining is None or plan.remaining < 2:
        return ""
    return ngettext("; %(n)s send in all", "; %(n)s sends in all", plan.remaining) % {"n": num(plan.remaining)}


def save_label(plan: Plan, clients: int, *, ran: bool) -> str:
    """What pressing the button does, in numbers."""
    if plan.is_draft and not ran:
        return _("Save the draft")
    if not plan.starts_now or not clients:
        return _("Save")
    words = ngettext("Save and send to %(n)s client", "Save and send to %(n)s clients", clients)
    return words % {"n": num(clients)}
