"""gunicorn's own lines, written like all others."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured
from gunicorn.config import Config
from gunicorn.glogging import Logger as StockLogger

from backoffice import env, log


class Logger(StockLogger):
    def setup(self, cfg: Config) -> None:
        super().setup(cfg)  # type: ignore[no-untyped-call]
        formatter = log.formatter(_form())
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter)


def _form() -> str:
    """The master loads no settings: what it loaded once, its workers would keep over a reload."""
    try:
        return os.environ.get("LOG_FORMAT", "") or env.read(env.FILE).get("LOG_FORMAT", "")
    except ImproperlyConfigured:  # the workers say what is wrong
        return ""
