"""The installation the tests run against: the product's own settings, read from a known environment.

Nothing here changes what the product does; the environment is what a person could write into `.env`, and
child processes (qcluster, run_mailing) inherit it.
"""

from __future__ import annotations

import os
from pathlib import Path

from backoffice import env

env.FILE = Path(os.devnull)  # a developer's own .env changes no test
os.environ.setdefault("DATABASE_URL", "sqlite:///var/samovar.sqlite3")  # a test database is made beside it
os.environ |= {
    "DEBUG": "true",
    "DEMO": "true",
    "LANGUAGE_CODE": "en",
    "TIME_ZONE": "Europe/Moscow",
    "DEFAULT_FROM_EMAIL": "Samovar <samovar@example.com>",
    "ADMINS": "Admin <admin@example.com>",
    "EMAIL_HOST": "127.0.0.1",
}
os.environ.setdefault("EMAIL_PORT", "1")  # nobody listens there: a test that sends starts its own server

from backoffice.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # tests collect no static files; without DEBUG it warns about the missing folder
