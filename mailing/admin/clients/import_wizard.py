"""The import wizard: File → Check → Done, on the addresses, forms and permission of django-import-export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from import_export.admin import ImportMixin

from mailing import unchecked
from mailing.admin.clients import import_preview
from mailing.admin.clients.resources import ClientResource, Spreadsheet
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.export import Csv
from mailing.admin.common.pages import GET, POST, View, taking_file, user_of
from mailing.errors import NotAllowed, Refused
from mailing.forms.clients import ClientFileForm, ConfirmFileForm
from mailing.models import Client, ClientImport
from mailing.services.clients import MergeReport, imports
from mailing.tables.reading import Sheet


@dataclass(frozen=True)
class ImportProgress:
    """How far a file is that a worker loads, and where to look next."""

    upload: ClientImport
    live_url: str
    result_url: str
    process_url: str


class ClientWizard(ImportMixin, SamovarModelAdmin[Client]):
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
        own = {"by": user_of(request), "mailing": request.GET.get("mailing", "")}
        return {**super().get_import_form_kwargs(request), **own}

    # --- File → Check -----------------------------------------------------------------------------------

    @taking_file("mailing.import_client")
    def import_action(self, request: HttpRequest, **kwargs: object) -> HttpResponse:
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
                return self._step(request, 2, self._check(form, upload, sheet, report))
        return self._step(request, 1, {"form": form})

    def _check(self, form: ClientFileForm, upload: ClientImport, sheet: Sheet, report: MergeReport) -> Context:
        return {
            "upload": upload,
            "confirm_form": _confirm_form(form, upload),
            "preview": import_preview.of(upload, sheet, report),
            "problems_url": self.url("problems", upload.pk),
            "process_url": self.url("process_import"),
            "cancel_url": self.url("cancel", upload.pk),
        }

    # --- Check → Done ------------------------------------------------------------------------------------

    @POST
    def process_import(self, request: HttpRequest, **kwargs: object) -> HttpResponse:
        """Loads one of the person's own files, once: a small one at once, a large one by a worker of the cluster.

        `now=1` says that the person does not want to wait for a worker.
        """
        self._require(request)
        form = self.create_confirm_form(request)
        pk = unchecked.number(form.cleaned_data["import_file_name"]) if form.is_valid() else None
        upload = None if pk is None else self._mine(request).filter(pk=pk).first()
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
        return self._step(request, 3, {"progress": self._progress(upload)})

    @GET
    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far the loading is: a fragment; `X-Live: done` when there is nothing to wait for."""
        upload = self._find(request, pk)
        response = render(request, "admin/import_export/_live.html", {"progress": self._progress(upload)})
        if upload.loaded_at is not None or upload.trouble:
            response["X-Live"] = "done"
        return response

    def _progress(self, upload: ClientImport) -> ImportProgress:
        return ImportProgress(
            upload=upload,
            live_url=self.url("live", upload.pk),
            result_url=self.url("result", upload.pk),
            process_url=self.url("process_import"),
        )

    @GET
    def result_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self._find(request, pk)
        if upload.loaded_at is None:
            waiting = upload.queued_at or upload.started_at
            return HttpResponseRedirect(self.url("progress", pk) if waiting else self.url("import"))
        show = f"{self.url('changelist')}?file={pk}"
        context = {
            "upload": upload,
            "cards": import_preview.counters(upload.counters, done=True),
            "has_problems": upload.problems is not None,
            "problems_url": self.url("problems", pk),
            "differs": upload.counters.get("differs", False),
            "add_url": show if request.user.has_perm("mailing.change_mailing") else "",
            "show_url": show,
            "again_url": self.url("import"),
        }
        return self._step(request, 3, context)

    @GET
    def problems_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Every row that was left out, to be corrected and loaded."""
        upload = self._find(request, pk)
        if upload.problems is None:
            raise Http404
        return download(imports.kept_problems(upload), "rows-left-out.csv")

    @POST
    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        imports.give_up(self._find(request, pk))
        return HttpResponseRedirect(self.url("import"))

    @GET
    def sample_view(self, request: HttpRequest) -> StreamingHttpResponse:
        self._require(request)
        return download([imports.sample_file()], "clients-sample.csv")

    # --- what they share -----------------------------------------------------------------------------------

    def _require(self, request: HttpRequest) -> None:
        if not self.has_import_permission(request):
            raise PermissionDenied(_(imports.MAY_NOT_IMPORT))

    def _mine(self, request: HttpRequest) -> QuerySet[ClientImport]:
        return ClientImport.objects.of(user_of(request)).select_related("mailing__message")

    def _find(self, request: HttpRequest, pk: int) -> ClientImport:
        self._require(request)
        upload = self._mine(request).filter(pk=pk).first()
        if upload is None:
            raise Http404
        return upload

    def _step(self, request: HttpRequest, step: int, context: Context) -> TemplateResponse:
        shell = {
            **self.shell(request, _("Import of clients")),
            "step": step,
            "steps": [(number, words) for number, words in enumerate((_("File"), _("Check"), _("Done")), start=1)],
            "sample_url": self.url("sample"),
        }
        name = {1: self.import_template_name, 2: "admin/import_export/check.html", 3: "admin/import_export/done.html"}
        template = "admin/import_export/progress.html" if "progress" in context else name[step]
        return TemplateResponse(request, template, shell | context)


def _confirm_form(form: ClientFileForm, upload: ClientImport) -> ConfirmFileForm:
    """What the second step posts: import-export's own form, which knows the file by the id of its upload."""
    file = form.cleaned_data["import_file"]
    return ConfirmFileForm(
        initial={
            "import_file_name": str(upload.pk),
            "original_file_name": file.name,
            "format": form.cleaned_data["format"],
            "resource": form.cleaned_data.get("resource", ""),
        }
    )


def download(pieces: Iterable[bytes], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=Csv.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
