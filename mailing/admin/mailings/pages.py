"""The pages and buttons of a mailing beside its form. Each asks a service and tells the person; no rules here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing import formatting, unchecked
from mailing.admin.common import delivery_text
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import GET, POST, View, undo, user_of
from mailing.admin.mailings import plan_text
from mailing.admin.mailings.tabs import running_attempt
from mailing.choices import AttemptStatus
from mailing.errors import NotStarted, RefusalCode
from mailing.formatting import num
from mailing.forms.mailings import MailingForm
from mailing.furniture import Button, Words
from mailing.models import Attempt, Mailing
from mailing.services import runs, states
from mailing.services.access import permissions
from mailing.services.mailings import lifecycle
from mailing.services.reports import statistics
from mailing.services.runs import dry_run
from mailing.services.states import Signs


class MailingPages(SamovarModelAdmin[Mailing]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("plan/", self.plan_view),
            ("<int:pk>/send/", self.send_view),
            ("<int:pk>/pause/", self.pause_view),
            ("<int:pk>/resume/", self.resume_view),
            ("<int:pk>/finish/", self.finish_view),
            ("<int:pk>/copy/", self.copy_view),
            ("<int:pk>/dry-run/", self.dry_run_view),
            ("<int:pk>/live/", self.live_view),
        ]

    # --- sending -------------------------------------------------------------------------------------

    def send_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, and remembers the last attempt the person saw; POST sends."""
        mailing = self.find(request, pk)
        permissions.require_send(user_of(request))
        if request.method == "POST":
            seen_attempt = unchecked.number(request.POST.get("seen", ""))
            act = partial(lifecycle.send_now, mailing, by=user_of(request), seen_attempt=seen_attempt)
            return self.perform(request, act, said=begun, back=self.url("change", pk))
        latest = mailing.attempts.order_by("-pk").values_list("pk", flat=True).first()
        refusal, attempt = lifecycle.refusal(mailing), running_attempt(mailing)
        told = states.of_run(attempt, mailing=mailing) if attempt else None
        context = {
            "recipients": statistics.recipients(mailing),
            "seen": latest or 0,
            "refusal": refusal,
            "running": attempt,
            "told": told,
            "is_worked_on": refusal is None and attempt is not None and runs.is_worked_on(attempt),
            "next_step": self._instead_of_sending(mailing, refusal, attempt),
            "sender": runs.sender(mailing),
        }
        return self.page(request, mailing, "send", _("Send now"), context)

    def _instead_of_sending(
        self, mailing: Mailing, refusal: NotStarted | None, attempt: Attempt | None
    ) -> Button | None:
        """The button that leads out of a refusal; what a person cannot mend here has none."""
        dates = Button(_("Change the dates"), f"{self.url('schedule', mailing.pk)}#id_start_at_0")
        steps = {
            RefusalCode.PAUSED: Button(_("Resume"), self.url("resume", mailing.pk), method="post"),
            RefusalCode.NOT_BEGUN: dates,
            RefusalCode.ENDED: dates,
            RefusalCode.NOBODY: Button(_("Open the client list"), reverse("admin:mailing_client_changelist")),
        }
        step = steps.get(refusal.code) if refusal and refusal.code else None
        if attempt is not None and refusal is None:
            url = reverse("admin:mailing_attempt_change", args=[attempt.pk])
            opened = Button(_("Open attempt %(number)s") % {"number": attempt.pk}, url)
            return replace(opened, primary=runs.is_worked_on(attempt))
        return replace(step, primary=True) if step else None

    @POST
    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)

        def said(_paused: Mailing) -> str:
            return format_html("{} {}", paused(mailing), undo(request, _("Resume"), self.url("resume", pk)))

        act = partial(lifecycle.pause, mailing, by=user_of(request))
        return self.perform(request, act, said=said, back=self.url("change", pk))

    @POST
    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)

        def said(resumed: Mailing) -> str:
            back = undo(request, pgettext("mailing", "Pause"), self.url("pause", pk))
            return format_html("{} {}", self.resumed(resumed), back)

        act = partial(lifecycle.resume, mailing, by=user_of(request))
        return self.perform(request, act, said=said, back=self.url("change", pk))

    def resumed(self, mailing: Mailing) -> str:
        if mailing.next_run_at is None:
            return _("Resumed, but no send is left.")
        return _("Resumed. The next send: %(moment)s.") % {"moment": formatting.day_and_time(mailing.next_run_at)}

    def finish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, POST finishes: the end is now, and a run that is going on is cut short."""
        mailing = self.find(request, pk)
        permissions.require_send(user_of(request))
        if request.method == "POST":
            act = partial(lifecycle.finish, mailing, by=user_of(request))
            return self.perform(request, act, said=_("Finished."), back=self.url("change", pk))
        attempt = running_attempt(mailing)
        told = states.of_run(attempt, mailing=mailing) if attempt else None
        return self.page(request, mailing, "finish", _("Finish"), {"running": attempt, "told": told})

    @POST
    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        mailing = self.find(request, pk)
        self.require_add(request)
        twin = lifecycle.copy(mailing, by=user_of(request))
        self.message_user(request, _("This is the copy. It is a draft: check its dates, then resume it."))
        return HttpResponseRedirect(self.url("change", twin.pk))

    # --- looking before sending ------------------------------------------------------------------------

    def dry_run_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST proves that the mailing could be sent: composes every letter, logs in to the server, sends nothing."""
        mailing = self.find(request, pk)
        permissions.require_send(user_of(request))
        shown = rehearsed(dry_run.run(mailing)) if request.method == "POST" else None
        return self.page(request, mailing, "dry_run", _("Rehearsal"), {"rehearsal": shown})

    @GET
    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The panel of the run that is going on, or of `?attempt=`; `X-Live: done` when it is over (or none is)."""
        mailing = self.find(request, pk)
        wanted = unchecked.number(request.GET.get("attempt", ""))
        attempt = None if wanted is None else mailing.attempts.filter(pk=wanted).first()
        attempt = attempt or running_attempt(mailing) or mailing.attempts.first()
        told = states.of_run(attempt, mailing=mailing) if attempt else None
        context = {"attempt": attempt, "mailing": mailing, "told": told, "is_own_page": wanted is not None}
        response = render(request, "admin/mailing/mailing/_live.html", context)
        if attempt is None or attempt.status != AttemptStatus.RUNNING:
            response["X-Live"] = "done"
        return response

    # --- the sentence on the form ------------------------------------------------------------------------

    @GET
    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """What saving the form as it stands would make happen: a fragment for its page."""
        pk = unchecked.number(request.GET.get("mailing", ""))
        if pk is not None:
            instance = self.find(request, pk)
        else:
            self.require_add(request)
            instance = Mailing()
        form = MailingForm(request.GET, instance=instance)
        if pk is not None:
            del form.fields["is_paused"]  # there buttons pause and resume
        form.full_clean()
        return render(request, "admin/mailing/mailing/_plan.html", {"plan": plan_text.panel(form)})


# --- words and contexts --------------------------------------------------------------------------------


def begun(attempt: Attempt) -> str:
    words = ngettext(
        "A run for %(n)s client has begun: attempt %(attempt)s.",
        "A run for %(n)s clients has begun: attempt %(attempt)s.",
        attempt.audience,
    )
    said = words % {"n": num(attempt.audience), "attempt": attempt.pk}
    return f"{said} {Signs().hindrance}".strip()


def paused(mailing: Mailing) -> str:
    """What a pause stopped: the run, in numbers, or the next send."""
    attempt = running_attempt(mailing)
    if attempt is None:
        return _("Paused: nothing is sent until you resume it.")
    done = attempt.audience - attempt.open
    return _("Stopped after %(done)s of %(all)s.") % {"done": num(done), "all": num(attempt.audience)}


@dataclass(frozen=True)
class RehearsalShown:
    """A rehearsal in words."""

    result: dry_run.Rehearsal
    skipped: list[tuple[Words, int]]  # the reason, and how many
    examples: list[tuple[str, Words]]  # an address, and the reason
    server: delivery_text.ServerAnswer | None

    @property
    def skipped_total(self) -> int:
        return self.result.skipped.total()


def rehearsed(result: dry_run.Rehearsal) -> RehearsalShown:
    return RehearsalShown(
        result=result,
        skipped=[(reason.label, number) for reason, number in result.skipped.most_common()],
        examples=[(email, reason.label) for email, reason in result.examples],
        server=delivery_text.rehearsed(result.server) if result.server else None,
    )
