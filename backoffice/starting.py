"""How a process begins, and what it says when it cannot: one sentence and an exit code, no traceback.

A traceback quotes what could not be read, and that may be a password. What goes wrong later, and is neither a setting
nor a database, is a mistake of ours and keeps its traceback.
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, ManagementUtility
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db import Error as AnyDatabaseError
from django.utils.translation import gettext as _

from mailing import redaction
from mailing.errors import lacks_tables

T = TypeVar("T")

TRY_LATER, NOT_CONFIGURED = 75, 78  # EX_TEMPFAIL and EX_CONFIG of sysexits.h
GUNICORN_GIVES_UP = 3  # as the code of a worker; after any other one gunicorn starts the next worker, for ever


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        """The last that is loaded before a command does its work."""
        command = super().fetch_command(subcommand)
        _keep_what_is_loaded()
        return command


def command_line(arguments: list[str]) -> None:
    """What `manage.py` does."""
    try:
        with _loading():
            CommandLine(arguments).execute()
    except Exception as error:  # of whatever kind: only its words are shown
        said = _said_of(error)
        if said is None:
            raise
        words, code = said
        sys.stderr.write(f"{words}\n")
        sys.exit(code)


def application(make: Callable[[], T]) -> T:
    """What a web server loads."""
    try:
        with _loading():
            made = make()
            _warm_up()
            _keep_what_is_loaded()
    except Exception as error:  # of whatever kind: only its words are shown
        said = _said_of(error)
        if said is None:
            raise
        sys.stderr.write(f"{said[0]}\n")
        sys.exit(GUNICORN_GIVES_UP)
    return made


@contextmanager
def _loading() -> Iterator[None]:
    """Nothing becomes rubbish while modules are loaded: looking for it took a fifth of the time they need."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _keep_what_is_loaded() -> None:
    """The collector never looks at it again, and processes that are forked go on sharing its memory."""
    gc.freeze()
    gc.enable()


def _warm_up() -> None:
    """What the first request would wait for."""
    from backoffice import urls  # noqa: F401  (loads every screen)
    from mailing.services.operations import monitoring  # needs the models

    monitoring.MONITOR.watch()


def _said_of(error: Exception) -> tuple[str, int] | None:
    if not settings.configured:
        return _about_settings(error), NOT_CONFIGURED
    if isinstance(error, ImproperlyConfigured):
        return str(error), NOT_CONFIGURED
    if isinstance(error, AnyDatabaseError):
        return _about_database(error)
    return None


def _about_settings(error: Exception) -> str:
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"The package {error.name} is missing: .venv/bin/pip install --requirement requirements.txt"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"The settings cannot be read: {type(error).__name__} at line {place.lineno} of {Path(place.filename).name}."
    )


def _about_database(error: AnyDatabaseError) -> tuple[str, int] | None:
    from mailing import texts  # marking a sentence for translation asks the settings

    if lacks_tables(error):
        return (_(texts.NO_TABLES), NOT_CONFIGURED) if _is_behind() else None
    if isinstance(error, OperationalError | InterfaceError):
        password = str(settings.DATABASES[DEFAULT_DB_ALIAS].get("PASSWORD", ""))
        words = redaction.clean(str(error).partition("\n")[0], (password,))
        return _("The database does not work: %(words)s.") % {"words": words}, TRY_LATER
    return None


def _is_behind() -> bool:
    """Whether a migration waits. Without one a missing table is a mistake of ours."""
    from django.db.migrations.executor import MigrationExecutor  # imports what wants settings

    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
