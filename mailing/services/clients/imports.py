"""A file of clients on its way in: received, checked, loaded or given up. One service for the admin and the command.

The file lies in an own table while its owner looks at the preview: a web server with several machines shares it, and
it goes with the loading, with giving up, or after a day (`purge_uploads`).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, count

from django.contrib.admin.models import CHANGE
from django.contrib.auth.models import User
from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.utils import formats, timezone
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.errors import NotAllowed, Refused
from mailing.models import Client, ClientImport, ClientImportPiece, Heartbeat, Mailing
from mailing.services.access import audit_log, permissions
from mailing.services.clients import merge
from mailing.services.clients.merge import Merged, MergeReport, OnProgress
from mailing.services.mailings import recipients
from mailing.tables import apart, reading, writing
from mailing.tables.reading import Sheet

_GZIP = b"\x1f\x8b"
KEPT_FOR = timedelta(days=1)
STUCK_AFTER = timedelta(minutes=2)  # a loading that died; loading once more changes nothing that is loaded already
PIECE = 512 * 1024  # bytes of a file in one row
LARGE = 5_000  # rows: fewer are loaded while somebody waits, less than a second

MAY_NOT_IMPORT = _("You may not import clients. Ask your administrator.")
GONE = _("The file is no longer stored: it was loaded, given up or expired. Choose it once more.")
BEING_LOADED = _("This file is being loaded right now.")
STOPPED = _("The loading stopped in the middle. Load the file once more: what is loaded already stays as it is.")


def receive(file: File[bytes], *, by: User | None, mailing: Mailing | None = None) -> ClientImport:
    """Keeps the file for its owner. Raises Refused: too large, empty, not allowed."""
    _require(by, mailing)
    if file.size > reading.SIZE_LIMIT:
        raise Refused(reading.TOO_LARGE, limit=reading.SIZE_LIMIT // 2**20)
    if not file.size:
        raise Refused(reading.EMPTY)
    with transaction.atomic():
        upload = ClientImport.objects.create(
            file_name=_short(file.name or ""),
            mailing=mailing,
            created_by=by,
            expires_at=timezone.now() + KEPT_FOR,
        )
        for number, data in enumerate(file.chunks(PIECE)):
            ClientImportPiece.objects.create(upload=upload, number=number, data=data)
    return upload


def check(upload: ClientImport) -> tuple[Sheet, MergeReport]:
    """Reads the file, writes no client; remembers the counters and the bad rows. An unreadable file is dropped."""
    try:
        sheet = apart.read(_pieces(upload))
        report = merge.check(sheet)
    except Refused:
        give_up(upload)
        raise
    _remember(upload, report)
    return sheet, report


def load(upload: ClientImport, *, by: User | None, progress: OnProgress | None = None) -> MergeReport:
    """Writes the clients of a received file and drops the file. Raises Refused: gone, being loaded, not allowed."""
    _require(by, upload.mailing)
    _take(upload)
    expected = dict(upload.counters)

    def tell(rows: int) -> None:
        ClientImport.objects.filter(pk=upload.pk).update(rows_done=rows, started_at=timezone.now())
        if progress:
            progress(rows)

    try:
        report = merge.load(apart.read(_pieces(upload)), _store(upload), tell)
    except BaseException:  # also when the process is told to go: the file can be loaded once more
        ClientImport.objects.filter(pk=upload.pk).update(started_at=None)
        raise
    with transaction.atomic():
        upload.pieces.all().delete()
        _remember(upload, report, loaded_at=timezone.now())
    if expected and expected != report.counters():
        upload.counters |= {"differs": True}  # somebody changed the same clients since the check
        upload.save(update_fields=["counters"])
    _log(upload, report, by)
    return report


def hand_over(upload: ClientImport, *, by: User) -> bool:
    """Asks a worker of the cluster to load a large file. False: it is small, or nobody works there; load it yourself.

    Raises NotAllowed. Twice is the same as once, and the worker that comes too late finds it loaded.
    """
    _require(by, upload.mailing)
    if upload.rows < LARGE or not Heartbeat.objects.answering().exists():
        return False
    waiting = ClientImport.objects.with_file().filter(pk=upload.pk, queued_at=None)
    if waiting.update(queued_at=timezone.now(), rows_done=0, trouble=""):
        scheduling.enqueue(scheduling.LOAD_CLIENTS, upload.pk, get_language())
    return True


def load_handed_over(upload_id: int, language: str) -> None:
    """What the worker does, in the name of the owner; a refusal is written down for them."""
    upload = ClientImport.objects.select_related("mailing__message", "created_by").filter(pk=upload_id).first()
    if upload is None or upload.created_by is None:
        return
    with override(language):
        try:
            load(upload, by=upload.created_by)
        except Refused as refusal:
            _hand_back(upload_id, str(refusal))
        except Exception:  # of whatever kind: its owner is told, and the queue learns it too
            _hand_back(upload_id, gettext(STOPPED))
            raise


def _hand_back(upload_id: int, trouble: str) -> None:
    """Unless somebody else is loading it, or has."""
    mine = ClientImport.objects.filter(pk=upload_id, loaded_at=None, started_at=None)
    mine.update(queued_at=None, trouble=trouble)


def give_up(upload: ClientImport) -> None:
    """The owner does not want it: nothing of it stays."""
    ClientImport.objects.filter(pk=upload.pk, loaded_at=None).delete()


def purge_uploads(now: datetime) -> int:
    """A day after the check: drops files nobody loaded, and of the others all but the counters. Returns how many."""
    expired = ClientImport.objects.expired(now)
    forgotten = expired.filter(loaded_at=None).delete()[1].get(ClientImport._meta.label, 0)
    ClientImport.clients.through.objects.filter(clientimport__in=expired).delete()
    return forgotten + expired.with_problems().update(problems=None)


def _require(by: User | None, mailing: Mailing | None) -> None:
    if by is not None and not by.has_perm("mailing.import_client"):
        raise NotAllowed(MAY_NOT_IMPORT)
    if mailing is not None:
        permissions.require_recipients(by, [mailing])


def _pieces(upload: ClientImport) -> Iterator[bytes]:
    for number in count():
        data = upload.pieces.filter(number=number).values_list("data", flat=True).first()
        if data is None:
            if number == 0:
                raise Refused(GONE)
            return
        yield bytes(data)


def _take(upload: ClientImport) -> None:
    """The first of two presses wins; the second is told so."""
    now = timezone.now()
    free = Q(started_at=None) | Q(started_at__lt=now - STUCK_AFTER)
    if ClientImport.objects.with_file().filter(free, pk=upload.pk).update(started_at=now):
        return
    upload.refresh_from_db(fields=["loaded_at", "started_at"])
    raise Refused(GONE if upload.loaded_at or not upload.started_at else BEING_LOADED)


def _store(upload: ClientImport) -> merge.Store:
    today = formats.date_format(timezone.localdate(), "SHORT_DATE_FORMAT")
    source = gettext("import %(file)s, %(date)s") % {"file": upload.file_name[:150], "date": today}
    mailing = upload.mailing

    def store(rows: list[Merged]) -> None:
        merge.upsert(rows, source=source)
        clients = Client.objects.filter(email__in=[row.email for row in rows])
        recipients.insert(upload, clients)
        if mailing is not None:
            recipients.insert(mailing, clients)

    return store


def _remember(upload: ClientImport, report: MergeReport, **fields: object) -> None:
    upload.counters = report.counters()
    upload.problems = _packed(problems_file(report)) if report.problems else None
    for name, value in fields.items():
        setattr(upload, name, value)
    upload.save(update_fields=["counters", "problems", *fields])


def problems_file(report: MergeReport) -> Iterator[bytes]:
    """Every row that is left out, as a CSV for the person who corrects them."""
    titles = (gettext("Row of the file"), gettext("Address"), gettext("Why"))
    rows = ((str(problem.line), problem.address, problem.reason) for problem in report.problems)
    return writing.as_csv(chain([titles], rows))


def kept_problems(upload: ClientImport) -> Iterator[bytes]:
    """The same, as it was kept since the check; nothing if there were none."""
    kept = bytes(upload.problems or b"")
    if not kept.startswith(_GZIP):  # it was kept before files were packed
        return iter([kept] if kept else [])
    file = gzip.open(io.BytesIO(kept))  # noqa: SIM115 (nothing of the system is behind it)
    return iter(lambda: file.read(PIECE), b"")


def _packed(pieces: Iterator[bytes]) -> bytes:
    packer = zlib.compressobj(wbits=31)  # as gzip does
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def sample_file() -> bytes:
    """A small file to start from, with headings in the reader's language."""
    titles = ("email", gettext("full name"), gettext("greeting"), gettext("comment"))
    rows = (
        ("anna@example.com", gettext("Anna Smith"), gettext("Anna"), gettext("met at the fair")),
        ("info@example.org", gettext("Peter Brown"), "", ""),
    )
    return b"".join(writing.as_csv([titles, *rows]))


def summary(report: MergeReport) -> str:
    """The four counters in a sentence."""
    return gettext("new: %(new)s, changed: %(changed)s, unchanged: %(unchanged)s, rows left out: %(problems)s") % (
        report.counters()
    )


def _log(upload: ClientImport, report: MergeReport, by: User | None) -> None:
    """One entry for the whole file: 100 000 of them would bury everything else."""
    words = gettext("Clients imported") + f" ({summary(report)})"
    audit_log.record_many(Client, by, CHANGE, upload.file_name, words)
    if upload.mailing is not None:
        audit_log.changed(upload.mailing, by, _("Recipients added from %(file)s"), file=upload.file_name)


def _short(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2][-200:]
