"""When a page broke by a mistake of ours: what leaves this machine about it.

ADMINS get a letter for a mistake that somebody of the staff ran into: once a day for each, and ten a day in all,
counted in files under `var/`, so that neither a restart nor a second process begins anew. It says where to look and
quotes nothing: no settings, no words of an error, nothing anybody typed. A stranger can cause none.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import traceback
from collections.abc import ItemsView
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import Error as AnyDatabaseError
from django.db import connections
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.debug import SafeExceptionReporterFilter

from mailing.services.access import site_guard

logger = logging.getLogger(__name__)

A_DAY = 10  # letters


def tell(request: HttpRequest, error: BaseException, code: str) -> threading.Thread | None:
    """Writes to ADMINS, in a thread of its own; None when there is nothing to tell, nobody, or enough was told."""
    if isinstance(error, AnyDatabaseError) or not settings.ADMINS or not _is_staff(request):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{_shown(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    name = type(error).__qualname__
    if not _is_first_today(f"{name} {where[-1:]}"):
        return None
    thread = threading.Thread(target=_send, args=(name, where, code), name="mistake", daemon=True)
    thread.start()
    return thread


def _is_staff(request: HttpRequest) -> bool:
    try:
        return bool(request.user.is_authenticated)
    except Exception:  # whatever broke the page may break this as well
        return False


def _shown(path: str) -> str:
    """A path as it is on every machine."""
    return path.removeprefix(f"{settings.BASE_DIR}/").rpartition("site-packages/")[2]


def _is_first_today(mistake: str) -> bool:
    """Whether this process is the one that tells it. Where that cannot be written down, nobody is told."""
    folder, today = Path(settings.VAR_DIR) / "told", timezone.localdate().isoformat()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        told = list(folder.iterdir())
        for old in told:
            if not old.name.startswith(today):
                old.unlink(missing_ok=True)
        if sum(one.name.startswith(today) for one in told) >= A_DAY:
            return False
        mark = folder / f"{today}-{sha256(mistake.encode()).hexdigest()[:16]}"
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return False
    return True


def _send(name: str, where: list[str], code: str) -> None:
    try:
        with translation.override(settings.LANGUAGE_CODE):
            subject = _("Samovar: a page broke (%(name)s)") % {"name": name}
            text = _("A page broke by a mistake of the program. In the log it has the code %(code)s. Report this:")
            body = "\n".join([text % {"code": code}, "", f"{settings.SITE_URL}", name, *where])
        addresses = [address for _name, address in settings.ADMINS]
        if not site_guard.is_copy():
            EmailMessage(subject, body, settings.SERVER_EMAIL, addresses).send()
    except Exception as error:  # of whatever kind: nobody waits for this thread
        logger.warning("ADMINS could not be told of error %s: %s", code, type(error).__name__)
    finally:
        connections.close_all()


class ReportFilter(SafeExceptionReporterFilter):
    """For Django's own reports, should anybody switch them on: they quote settings, cookies and what people typed."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|_URL$|REDIS|Q_CLUSTER|DATABASES|HOST_USER|COOKIE|SESSION",
        re.IGNORECASE,
    )

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        return dict.fromkeys(getattr(request, "COOKIES", {}), self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        shown = {} if self.is_active(request) else dict(super().get_traceback_frame_variables(request, tb_frame))
        return shown.items()
