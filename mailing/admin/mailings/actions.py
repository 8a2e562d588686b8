"""What can be done with several mailings at once, and their deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from mailing import texts, unchecked
from mailing.admin.common import deletion
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.pages import undoable, user_of
from mailing.admin.common.row_actions import pictured
from mailing.errors import NotAllowed, Refused
from mailing.formatting import num
from mailing.models import Attempt, Delivery, Mailing
from mailing.services.access import permissions, undos
from mailing.services.mailings import lifecycle
from mailing.services.reports import statistics
from mailing.services.states import Signs

AT_ONCE = 50  # mailings one press may start, finish or copy


@dataclass(frozen=True)
class Asked:
    """One of the mailings a question is about."""

    mailing: Mailing
    letters: int
    seen: int  # its latest attempt when the question was asked
    hindrance: str = ""  # why it will not be sent


class MailingActions(SamovarModelAdmin[Mailing]):
    actions = ("send_now", "pause", "resume", "finish", "copy", deletion.delete_selected)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return permissions.may_send(user_of(request))

    @pictured("send")
    @admin.action(permissions=["send"], description=gettext_lazy("Send now…"))
    def send_now(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> HttpResponse | None:
        """One mailing has a page of its own; several are asked about together."""
        chosen = self._chosen(request, queryset)
        if not request.POST.get("post"):
            if len(chosen) == 1:
                return HttpResponseRedirect(self.url("send", chosen[0].pk))
            return self._ask(request, "send_now", _("Send now"), _would_be_sent(chosen))

        def send(mailing: Mailing) -> object:
            seen = unchecked.number(request.POST.get(f"seen_{mailing.pk}", ""))
            return lifecycle.send_now(mailing, by=user_of(request), seen_attempt=seen)

        begun = self._each(request, chosen, send)
        words = ngettext("Sending of %(n)s mailing has begun.", "Sending of %(n)s mailings has begun.", begun)
        _say(request, begun, f"{words} {Signs().hindrance}".strip())
        return None

    @pictured("pause")
    @admin.action(permissions=["send"], description=pgettext_lazy("mailing", "Pause"))
    def pause(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        stopped: list[Mailing] = []

        def pause(mailing: Mailing) -> None:
            now = lifecycle.pause(mailing, by=user_of(request))
            stopped.extend([] if mailing.is_paused else [now])

        done = self._each(request, queryset, pause)
        words = ngettext("%(n)s mailing paused.", "%(n)s mailings paused.", done) % {"n": done}
        if done:
            act = undos.of_pause(stopped, by=user_of(request))
            messages.success(request, undoable(request, words, act))

    @pictured("play")
    @admin.action(permissions=["send"], description=gettext_lazy("Resume"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        done = self._each(request, queryset, lambda mailing: lifecycle.resume(mailing, by=user_of(request)))
        _say(request, done, ngettext("%(n)s mailing resumed.", "%(n)s mailings resumed.", done))

    @pictured("flag")
    @admin.action(permissions=["send"], description=gettext_lazy("Finish…"))
    def finish(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> HttpResponse | None:
        chosen = self._chosen(request, queryset)
        if not request.POST.get("post"):
            return self._ask(request, "finish", _("Finish"), _asked(chosen))
        done = self._each(request, chosen, lambda mailing: lifecycle.finish(mailing, by=user_of(request)))
        _say(request, done, ngettext("%(n)s mailing finished.", "%(n)s mailings finished.", done))
        return None

    @pictured("copy")
    @admin.action(permissions=["add"], description=gettext_lazy("Copy"))
    def copy(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        chosen = self._chosen(request, queryset)
        done = self._each(request, chosen, lambda mailing: lifecycle.copy(mailing, by=user_of(request)))
        _say(request, done, ngettext("%(n)s copy made; it is a draft.", "%(n)s copies made; they are drafts.", done))

    def _chosen(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> list[Mailing]:
        """As many as one press may act on; of more it says that they are left."""
        chosen = list(queryset.select_related("message")[: AT_ONCE + 1])
        if len(chosen) > AT_ONCE:
            words = _("Only the first %(some)s of %(all)s mailings are taken at once; choose the others afterwards.")
            messages.warning(request, words % {"some": AT_ONCE, "all": num(queryset.count())})
        return chosen[:AT_ONCE]

    def _each(self, request: HttpRequest, mailings: Iterable[Mailing], act: Callable[[Mailing], object]) -> int:
        """Calls a service for each; a refusal stops nobody else and is said with the mailing's name."""
        done = 0
        for mailing in mailings:
            try:
                act(mailing)
                done += 1
            except NotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except Refused as refusal:
                messages.error(request, f"{mailing}: {refusal}")
        return done

    def _ask(self, request: HttpRequest, action: str, title: str, asked: list[Asked]) -> HttpResponse:
        rows = [row for row in asked if not row.hindrance]
        context = {
            **self.shell(request, title),
            "action": action,
            "rows": rows,
            "hindered": [row for row in asked if row.hindrance],
            "letters": sum(row.letters for row in rows),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "back": self.url("changelist"),
        }
        return TemplateResponse(request, "admin/mailing/mailing/ask_for_several.html", context)

    # --- deletion --------------------------------------------------------------------------------------

    def get_deleted_objects(
        self, objs: Sequence[Mailing] | QuerySet[Mailing], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts only; a run that is going on protects its mailing."""
        shown, numbers, needed, protected = super().get_deleted_objects(objs, request)
        running = Attempt.objects.running().filter(mailing__in=objs).select_related("mailing__message")
        protected = [*protected, *(self._being_sent(attempt) for attempt in running[:AT_ONCE])]
        return shown, numbers, needed, protected

    def _being_sent(self, attempt: Attempt) -> str:
        said = f"{attempt.mailing}: {lifecycle.not_over(attempt)}"
        finish = self.url("finish", attempt.mailing_id)
        return format_html('{} <a href="{}">{}</a>', said, finish, _("Finish it first"))

    def delete_model(self, request: HttpRequest, obj: Mailing) -> None:
        lifecycle.delete(obj, by=user_of(request))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Context | None = None) -> HttpResponse:
        try:
            response = super().delete_view(request, object_id, extra_context)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except Refused as refusal:  # it started while the page was being read
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self.url("change", object_id))
        if isinstance(response, TemplateResponse) and response.context_data:
            response.context_data["gone"] = _gone(dict(response.context_data["model_count"]))
        return response

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> None:
        self._each(request, queryset, lambda mailing: lifecycle.delete(mailing, by=user_of(request)))


def _asked(chosen: list[Mailing]) -> list[Asked]:
    latest = {attempt.mailing_id: attempt.pk for attempt in statistics.latest_attempts([m.pk for m in chosen], 1)}
    numbers = statistics.numbers_of(chosen)
    return [Asked(mailing, numbers[mailing.pk].recipients, latest.get(mailing.pk, 0)) for mailing in chosen]


def _would_be_sent(chosen: list[Mailing]) -> list[Asked]:
    """With the reasons of those that would not be; of an unfinished run only what is left of it would leave."""
    runs = Attempt.objects.running().filter(mailing__in=chosen).defer("html_body", "text_body")
    unfinished = {run.mailing_id: run for run in runs}
    asked = []
    for row in _asked(chosen):
        run = unfinished.get(row.mailing.pk)
        letters = run.open if run else row.letters
        why = lifecycle.hindrance(row.mailing, run) or ("" if letters else _(texts.NOBODY))
        asked.append(replace(row, letters=letters, hindrance=str(why)))
    return asked


def _gone(counted: dict[str, int]) -> str:
    """“5 attempts and records of 2 927 letters”, of the counts of the page that asks."""
    attempts = counted.get(str(Attempt._meta.verbose_name_plural), 0)
    letters = counted.get(str(Delivery._meta.verbose_name_plural), 0)
    parts = []
    if attempts:
        parts.append(ngettext("%(n)s attempt", "%(n)s attempts", attempts) % {"n": num(attempts)})
    if letters:
        words = ngettext("the record of %(n)s letter", "the records of %(n)s letters", letters)
        parts.append(words % {"n": num(letters)})
    return _(" and ").join(parts)


def _say(request: HttpRequest, number: int, words: str) -> None:
    if number:
        messages.success(request, words % {"n": number})
