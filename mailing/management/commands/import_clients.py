"""Clients from a file without the web: the same reading, sentences and rules as the wizard in the admin."""

from __future__ import annotations

from pathlib import Path

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from mailing.errors import Refused
from mailing.models import ClientImport, Mailing
from mailing.services.clients import MergeReport, imports

SHOWN_PROBLEMS = 100
NOTHING_USABLE, REFUSED = 1, 2


class Command(BaseCommand):
    help = (
        "Loads clients from a CSV or XLSX file. A client with the same address is updated, an empty cell erases "
        "nothing, bad rows are named and left out."
    )
    epilog = (
        "exit codes: 0 loaded (rows that cannot be used are named and left out); 1 not one row can be used; "
        "2 nothing was loaded: the file cannot be read, or there is no such mailing. "
        "With --dry-run the codes say what would happen."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = self.epilog
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="up to 20 MB and 100 000 rows; headings in the first row"
        )
        parser.add_argument(
            "--mailing", metavar="ID", type=int, help="make the clients recipients of this mailing, too"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be loaded, write nothing")

    def handle(self, *args: object, file: Path, mailing: int | None, dry_run: bool, **options: object) -> None:
        try:
            upload = self._receive(file, mailing)
            report = self._check(upload, dry_run=dry_run)
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from refusal
        self._tell(report, upload.mailing)
        if not report.good:
            raise SystemExit(NOTHING_USABLE)

    def _receive(self, path: Path, mailing_id: int | None) -> ClientImport:
        mailing = self._mailing(mailing_id) if mailing_id is not None else None
        try:
            with path.open("rb") as file:
                return imports.receive(File(file, name=path.name), by=None, mailing=mailing)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=REFUSED) from error

    def _check(self, upload: ClientImport, *, dry_run: bool) -> MergeReport:
        """Checked first also when it is loaded: an unreadable file must not leave half of itself behind."""
        _sheet, report = imports.check(upload)
        if dry_run:
            imports.give_up(upload)
            return report
        return imports.load(upload, by=None, progress=self._progress if self.stdout.isatty() else None)

    def _mailing(self, pk: int) -> Mailing:
        mailing = Mailing.objects.select_related("message").filter(pk=pk).first()
        if mailing is None:
            raise CommandError(_("There is no mailing %(id)s.") % {"id": pk}, returncode=REFUSED)
        return mailing

    def _progress(self, rows: int) -> None:
        self.stdout.write(f"\r{rows}", ending="")
        self.stdout.flush()

    def _tell(self, report: MergeReport, mailing: Mailing | None) -> None:
        for problem in report.problems[:SHOWN_PROBLEMS]:
            row = _("Row %(line)s: %(address)s") % {"line": problem.line, "address": problem.address or "—"}
            self.stderr.write(f"{row} — {problem.reason}")
        if len(report.problems) > SHOWN_PROBLEMS:
            self.stderr.write(_("… %(n)s rows with errors in all.") % {"n": len(report.problems)})
        if self.stdout.isatty():
            self.stdout.write("\r", ending="")
        self.stdout.write(imports.summary(report))
        if mailing:
            self.stdout.write(
                _("Recipients of “%(mailing)s”: %(n)s.") % {"mailing": mailing, "n": mailing.clients.count()}
            )
