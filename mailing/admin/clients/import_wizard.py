"""The import wizard: File → Check → Done, on the addresses, forms and permission of django-import-export."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_GET, require_POST
from import_export.admin import ImportMixin

from mailing.admin.clients.resources import ClientResource
from mailing.admin.common.base import Context
from mailing.admin.common.formats import Csv, Spreadsheet
from mailing.admin.common.pages import Pages, View, user_of
from mailing.errors import NotAllowed, Refused
from mailing.formatting import num
from mailing.forms.clients import ClientFileForm, ConfirmFileForm
from mailing.furniture import Card
from mailing.models import ClientImport
from mailing.services.clients import Merged, MergeReport, imports
from mailing.tables.reading import Sheet

SHOWN_PROBLEMS = 100
SHOWN_ROWS = 20  # row numbers in a sentence
DELIMITERS = {";": gettext_noop("semicolon"), ",": gettext_noop("comma"), "\t": gettext_noop("tab")}
ENCODINGS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1251": "Windows-1251"}

POST = method_decorator(require_POST)
GET = method_decorator(require_GET)


class ClientWizard(ImportMixin, Pages):
    model: Any  # import-export declares it as None
    import_form_class: Any = ClientFileForm
    confirm_form_class: Any = ConfirmFileForm

    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("import/sample/", self.sample_view),
            ("import/<int:pk>/progress/", self.progress_view),
            ("import/<int:pk>/live/", self.live_view),
            ("import/<int:pk>/result/", self.result_view),
            ("import/<int:pk>/problems/", self.problems_view),
            ("import/<int:pk>/cancel/", self.cancel_view),
        ]

    def get_import_formats(self) -> list[type[Spreadsheet]]:
        return [Spreadsheet]

    def get_import_resource_classes(self, request: HttpRequest) -> list[type[ClientResource]]:
        return [ClientResource]

    def get_import_form_kwargs(self, request: HttpRequest) -> Context:
        return {**super().get_import_form_kwargs(request), "by": user_of(request)}

    # --- File → Check -----------------------------------------------------------------------------------

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """GET asks for the file; POST reads it and shows what loading it would do. No client is written."""
        self._require(request)
        form = self.create_import_form(request)
        if request.method == "POST" and form.is_valid():
            file, mailing = form.cleaned_data["import_file"], form.cleaned_data["mailing"]
            try:
                upload = imports.receive(file, by=user_of(request), mailing=mailing)
                sheet, report = imports.check(upload)
            except NotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except Refused as refusal:
                form.add_error("import_file", str(refusal))
            else:
                return self._step(
                    request, 2, {"upload": upload, **self._preview(request, form, upload, sheet, report)}
                )
        return self._step(request, 1, {"form": form})

    def _preview(
        self, request: HttpRequest, form: Any, upload: ClientImport, sheet: Sheet, report: MergeReport
    ) -> Context:
        form.cleaned_data["import_file"].tmp_storage_name = str(upload.pk)
        return {
            "confirm_form": self.create_confirm_form(request, form),
            "report": report,
            "cards": counters(report.counters(), done=False),
            "facts": facts(sheet),
            "cut": self._cut(sheet),
            "problems": report.problems[:SHOWN_PROBLEMS],
            "more_problems": len(report.problems) > SHOWN_PROBLEMS,
            "problems_url": self.url("problems", upload.pk),
            "changes": [change(merged) for merged in report.changes],
            "more_changes": report.new + report.changed > len(report.changes),
            "process_url": self.url("process_import"),
            "cancel_url": self.url("cancel", upload.pk),
            "load_label": self._load_label(report, upload),
        }

    def _load_label(self, report: MergeReport, upload: ClientImport) -> str:
        """What pressing the button does; empty when there is nothing to load."""
        number = report.new + report.changed
        if number:
            return ngettext("Load %(n)s", "Load %(n)s", number) % {"n": num(number)}
        if upload.mailing and report.good:
            return _("Add to the mailing")
        return ""

    def _cut(self, sheet: Sheet) -> str:
        if not sheet.cut:
            return ""
        listed = ", ".join(map(str, sheet.cut[:SHOWN_ROWS])) + ("…" if len(sheet.cut) > SHOWN_ROWS else "")
        words = ngettext(
            "%(n)s row has cells beyond the last heading; they are ignored: row %(rows)s.",
            "%(n)s rows have cells beyond the last heading; they are ignored: rows %(rows)s.",
            len(sheet.cut),
        )
        return words % {"n": num(len(sheet.cut)), "rows": listed}

    # --- Check → Done ------------------------------------------------------------------------------------

    @POST
    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Loads one of the person's own files, once: a small one at once, a large one by a worker of the cluster.

        `now=1` says that the person does not want to wait for a worker.
        """
        self._require(request)
        form = self.create_confirm_form(request)
        name = form.cleaned_data["import_file_name"] if form.is_valid() else ""
        upload = self._mine(request).filter(pk=int(name)).first() if name.isdecimal() else None
        if upload is None:
            messages.error(request, _(imports.GONE))
            return HttpResponseRedirect(self.url("import"))
        try:
            if "now" not in request.POST and imports.hand_over(upload, by=user_of(request)):
                return HttpResponseRedirect(self.url("progress", upload.pk))
            imports.load(upload, by=user_of(request))
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except Refused as refusal:
            messages.error(request, str(refusal))
            if not upload.loaded_at:
                return HttpResponseRedirect(self._after_refusal(upload))
        return HttpResponseRedirect(self.url("result", upload.pk))

    def _after_refusal(self, upload: ClientImport) -> str:
        """Whoever pressed twice looks at the progress of the first press."""
        return self.url("progress", upload.pk) if upload.started_at else self.url("import")

    @GET
    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self._find(request, pk)
        if upload.loaded_at is not None:
            return HttpResponseRedirect(self.url("result", pk))
        return self._step(request, 3, self._progress(upload))

    @GET
    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far the loading is: a fragment; `X-Live: done` when there is nothing to wait for."""
        upload = self._find(request, pk)
        response = render(request, "admin/import_export/_live.html", self._progress(upload))
        if upload.loaded_at is not None or upload.trouble:
            response["X-Live"] = "done"
        return response

    def _progress(self, upload: ClientImport) -> Context:
        return {
            "upload": upload,
            "live_url": self.url("live", upload.pk),
            "result_url": self.url("result", upload.pk),
            "process_url": self.url("process_import"),
        }

    @GET
    def result_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self._find(request, pk)
        if upload.loaded_at is None:
            waiting = upload.queued_at or upload.started_at
            return HttpResponseRedirect(self.url("progress", pk) if waiting else self.url("import"))
        show = f"{self.url('changelist')}?file={pk}"
        context = {
            "upload": upload,
            "cards": counters(upload.counters, done=True),
            "has_problems": upload.problems is not None,
            "problems_url": self.url("problems", pk),
            "differs": upload.counters.get("differs", False),
            "add_url": show if request.user.has_perm("mailing.change_mailing") else "",
            "show_url": show,
            "again_url": self.url("import"),
        }
        return self._step(request, 3, context)

    @GET
    def problems_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Every row that was left out, to be corrected and loaded."""
        upload = self._find(request, pk)
        if upload.problems is None:
            raise Http404
        return download(bytes(upload.problems), "rows-left-out.csv")

    @POST
    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        imports.give_up(self._find(request, pk))
        return HttpResponseRedirect(self.url("import"))

    @GET
    def sample_view(self, request: HttpRequest) -> HttpResponse:
        self._require(request)
        return download(imports.sample_file(), "clients-sample.csv")

    # --- what they share -----------------------------------------------------------------------------------

    def _require(self, request: HttpRequest) -> None:
        if not self.has_import_permission(request):
            raise PermissionDenied(_(imports.MAY_NOT_IMPORT))

    def _mine(self, request: HttpRequest) -> Any:
        return ClientImport.objects.of(user_of(request)).select_related("mailing__message")

    def _find(self, request: HttpRequest, pk: int) -> ClientImport:
        self._require(request)
        upload: ClientImport | None = self._mine(request).filter(pk=pk).defer("data").first()
        if upload is None:
            raise Http404
        return upload

    def _step(self, request: HttpRequest, step: int, context: Context) -> TemplateResponse:
        shell = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "list_title": self.list_title,
            "title": _("Import of clients"),
            "step": step,
            "steps": [(number, words) for number, words in enumerate((_("File"), _("Check"), _("Done")), start=1)],
            "sample_url": self.url("sample"),
        }
        name = {1: self.import_template_name, 2: "admin/import_export/check.html", 3: "admin/import_export/done.html"}
        template = "admin/import_export/progress.html" if "live_url" in context else name[step]
        return TemplateResponse(request, template, shell | context)


def counters(numbers: dict[str, int], *, done: bool) -> list[Card]:
    """The four figures of a file."""
    return [
        Card(_("New clients"), numbers["new"]),
        Card(_("Updated") if done else _("Will be updated"), numbers["changed"]),
        Card(_("Unchanged"), numbers["unchanged"]),
        Card(_("Rows with errors"), numbers["problems"], tone="red" if numbers["problems"] else ""),
    ]


def facts(sheet: Sheet) -> list[tuple[str, str]]:
    """How the file was read, so that a wrong guess is seen at once."""
    found = [(_("File"), sheet.kind)]
    if sheet.encoding:
        found.append((_("Encoding"), ENCODINGS[sheet.encoding]))
        found.append((_("Delimiter"), _(DELIMITERS.get(sheet.delimiter, sheet.delimiter))))
    if sheet.columns.ignored:
        shown = ", ".join(title[:40] for title in sheet.columns.ignored[:SHOWN_ROWS])
        found.append((_("Columns we ignore"), shown))
    return found


def change(merged: Merged) -> Context:
    """A row of the preview: (old, new) for name, greeting and comment."""
    before = merged.stored or ("",) * len(merged.texts)
    return {
        "is_new": merged.stored is None,
        "email": merged.email,
        "cells": list(zip(before, merged.texts, strict=True)),
    }


def download(data: bytes, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=Csv.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
