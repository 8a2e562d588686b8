"""What gunicorn reads by itself in the folder where it is started. The command line wins."""

from __future__ import annotations

logger_class = "backoffice.gunicorn_log.Logger"
# Who asked for what, and how it ended. Not the query: what staff search for are names and addresses.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s bytes %(L)s s'
