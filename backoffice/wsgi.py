"""The door for a WSGI server (gunicorn)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from backoffice import starting

os.umask(0o077)  # a database, an upload in /tmp: nobody's but the own user's
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

application = starting.application(get_wsgi_application)
