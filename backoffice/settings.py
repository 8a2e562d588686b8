"""Settings of an installation: one file, typed by django-environ, explained in docs/reference/settings.md.

Without `.env` everything runs on SQLite with the demo mail server on loopback. Nonsense is refused at
start-up with a sentence that says what to do. All durations are seconds and may be fractions.
"""

from __future__ import annotations

import math
import re
from email.utils import getaddresses, parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()  # type: ignore[no-untyped-call]
env.read_env(str(BASE_DIR / ".env"))

LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DEMO_SECRET_KEY = "demo-only-" + "samovar" * 8


def given(name: str, default: str = "") -> str:
    """The text of a variable; an empty one counts as left out."""
    return env.str(name, default="").strip() or default


def refused(name: str, advice: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={given(name)}: {advice}")


def words(name: str) -> list[str]:
    """Values separated by commas."""
    return [word for word in (part.strip() for part in given(name).split(",")) if word]


def flag(name: str, *, default: bool) -> bool:
    value = given(name, str(default)).lower()
    if value not in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        raise refused(name, "give true or false.")
    return value in {"true", "yes", "on", "1"}


def one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given(name, default).lower()
    if value not in allowed:
        raise refused(name, f"give one of {', '.join(allowed)}.")
    return value


def positive_list(name: str, default: str) -> list[float]:
    """Durations greater than zero, separated by commas."""
    try:
        values = [float(part) for part in given(name, default).split(",")]
    except ValueError:
        values = []
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise refused(name, "give one or more numbers greater than zero, separated by commas.")
    return values


def positive(name: str, default: float) -> float:
    """A duration that must be greater than zero."""
    values = positive_list(name, str(default))
    if len(values) != 1:
        raise refused(name, "give one number greater than zero.")
    return values[0]


def count(name: str, default: int, *, least: int = 1, most: int = 1_000_000) -> int:
    """A whole number between the two."""
    value = given(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise refused(name, f"give a whole number from {least} to {most}.")
    return int(value)


# --- Installation -----------------------------------------------------------------------------------

DEBUG = flag("DEBUG", default=True)
SECRET_KEY = given("SECRET_KEY", DEMO_SECRET_KEY if DEBUG else "")
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = words("ALLOWED_HOSTS") or LOOPBACK_HOSTS
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
SITE_URL = given("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ADMINS = [(name or address, address) for name, address in getaddresses(words("ADMINS"))]
TRUST_PROXY = flag("TRUST_PROXY", default=False)

if not DEBUG and (len(SECRET_KEY) < 40 or len(set(SECRET_KEY)) < 10 or SECRET_KEY == DEMO_SECRET_KEY):
    raise ImproperlyConfigured(
        "SECRET_KEY is missing or weak. Put at least 40 random characters into .env, for example the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))". For a demo on this machine set DEBUG=true.'
    )
if DEBUG and not set(ALLOWED_HOSTS) <= set(LOOPBACK_HOSTS):
    raise ImproperlyConfigured(
        "DEBUG=true is a demo for this machine only, but ALLOWED_HOSTS names other hosts. "
        "Set DEBUG=false and a SECRET_KEY, or leave ALLOWED_HOSTS out."
    )
if urlsplit(SITE_URL).scheme not in {"http", "https"} or not urlsplit(SITE_URL).hostname:
    raise refused("SITE_URL", "give the full address, for example https://letters.example.com.")
if not all("@" in address for _name, address in ADMINS):
    raise refused("ADMINS", "give addresses separated by commas: Anna <anna@example.com>, boris@example.com.")

# The demo is a guest: the image has no such folder, and DEMO=false leaves it out where there is one.
_demo_is_here = (BASE_DIR / "mailing/demo/apps.py").is_file()
DEMO = flag("DEMO", default=_demo_is_here)
if DEMO and not _demo_is_here:
    raise refused("DEMO", "this installation has no folder mailing/demo. Leave DEMO out.")

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "backoffice.apps.BackofficeConfig",
    "mailing.apps.MailingConfig",  # before django_q: `manage.py qcluster` is ours, and the first app wins
    "backoffice.apps.SamovarAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "import_export",
    "django_q",
    "axes",
    *(["mailing.demo.apps.DemoConfig"] if DEMO else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backoffice.context.shell",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------

DATABASE_ADVICE = "DATABASE_URL: give postgres://user:password@host:5432/name or sqlite:////full/path."
_database_url = given("DATABASE_URL", f"sqlite:///{VAR_DIR / 'samovar.sqlite3'}")
try:
    DATABASES = {"default": env.db_url_config(_database_url)}  # type: ignore[no-untyped-call]
except Exception as error:  # whatever the parser raises; the value holds a password and is not repeated
    raise ImproperlyConfigured(DATABASE_ADVICE) from error
if DATABASES["default"].get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
    raise ImproperlyConfigured(DATABASE_ADVICE)
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(exist_ok=True)
    # A claim must survive a power cut (FULL), and two clusters must not both read before they write (IMMEDIATE).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }

# --- Language and time ------------------------------------------------------------------------------

LANGUAGE_CODE = one_of("LANGUAGE_CODE", ("ru", "en"), default="ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
TIME_ZONE = given("TIME_ZONE", "Europe/Moscow")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["backoffice.formats"]
# Strings of templates/ and backoffice/ are collected here, too; backoffice/locale only rewords Django's own.
LOCALE_PATHS = [BASE_DIR / "mailing" / "locale"]

try:
    ZoneInfo(TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError) as error:
    raise refused("TIME_ZONE", "give a name such as Europe/Moscow.") from error

# --- Security ---------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_VERBOSE = False

BEHIND_TLS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [SELF],
    }
}

# --- Static files -----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Import and export ------------------------------------------------------------------------------

# Without the two permission codes anybody of the staff may import (docs of django-import-export, "permissions").
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_SKIP_ADMIN_LOG = True
IMPORT_EXPORT_IMPORT_IGNORE_BLANK_LINES = True

# --- Mail server ------------------------------------------------------------------------------------

EMAIL_HOST = given("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = count("EMAIL_PORT", default=1025, most=65535)
EMAIL_HOST_USER = given("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_SECURITY = one_of("EMAIL_SECURITY", ("none", "starttls", "tls"), default="none")
if EMAIL_HOST_USER and EMAIL_HOST not in LOOPBACK_HOSTS and not given("EMAIL_SECURITY"):
    raise refused(
        "EMAIL_SECURITY",
        "the password would cross the network in the clear. Give starttls or tls; or none, if you mean it.",
    )
EMAIL_USE_TLS = EMAIL_SECURITY == "starttls"
EMAIL_USE_SSL = EMAIL_SECURITY == "tls"
EMAIL_BACKEND = given("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
DEFAULT_FROM_EMAIL = given("DEFAULT_FROM_EMAIL", "Samovar <samovar@localhost.localdomain>")
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    raise refused("DEFAULT_FROM_EMAIL", "give an address, with a name if you like: Tea shop <news@example.com>.")
try:
    import_string(EMAIL_BACKEND)
except ImportError as error:
    raise refused("EMAIL_BACKEND", f"there is no such class ({error}).") from error
SERVER_EMAIL = DEFAULT_FROM_EMAIL

SMTP_CONNECTIONS = count("SMTP_CONNECTIONS", default=4)
SMTP_CONNECT_TIMEOUT = positive("SMTP_CONNECT_TIMEOUT", default=15)
SMTP_REPLY_TIMEOUT = positive("SMTP_REPLY_TIMEOUT", default=60)
SMTP_DOT_TIMEOUT = positive("SMTP_DOT_TIMEOUT", default=600)
SMTP_LETTER_BUDGET = positive("SMTP_LETTER_BUDGET", default=900)
SMTP_LETTERS_PER_CONNECTION = count("SMTP_LETTERS_PER_CONNECTION", default=500)
SMTP_CONNECTION_AGE = positive("SMTP_CONNECTION_AGE", default=600)
SMTP_CLAIMS_AHEAD = count("SMTP_CLAIMS_AHEAD", default=100, least=0)
EMAIL_TIMEOUT = SMTP_REPLY_TIMEOUT

# --- Mailings ---------------------------------------------------------------------------------------

MAILING_SENDING_ENABLED = flag("MAILING_SENDING_ENABLED", default=True)
MAILING_RETRY_DELAYS = positive_list("MAILING_RETRY_DELAYS", default="300,900,2700")
MAILING_RETRY_WINDOW = positive("MAILING_RETRY_WINDOW", default=86400)
MAILING_BREAKER_THRESHOLD = count("MAILING_BREAKER_THRESHOLD", default=3)
MAILING_BREAKER_PAUSES = positive_list("MAILING_BREAKER_PAUSES", default="60,120,240,480,900,1800,3600")
MAILING_RATE_LIMIT = given("MAILING_RATE_LIMIT")
if MAILING_RATE_LIMIT and not re.fullmatch("[1-9][0-9]{0,8}/[smhd]", MAILING_RATE_LIMIT):
    raise refused("MAILING_RATE_LIMIT", "give a number per second, minute, hour or day: 14/s, 600/m, 5000/h, 2000/d.")
MAILING_SLICE_SECONDS = positive("MAILING_SLICE_SECONDS", default=60)
MAILING_LEASE_SECONDS = positive("MAILING_LEASE_SECONDS", default=120)
MAILING_TICK_SECONDS = positive("MAILING_TICK_SECONDS", default=60)
MAILING_MAX_LATENESS = positive("MAILING_MAX_LATENESS", default=86400)
DELIVERY_RETENTION_DAYS = count("DELIVERY_RETENTION_DAYS", default=90)

# --- Queue (docs/decisions/: why each value) --------------------------------------------------------

REDIS_URL = given("REDIS_URL")
if REDIS_URL and urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    raise ImproperlyConfigured("REDIS_URL: give redis://host:6379/0, or leave it empty.")
_task_timeout = math.ceil(MAILING_SLICE_SECONDS + SMTP_LETTER_BUDGET + 30)
Q_CLUSTER = {
    "name": "samovar",
    "label": _("Queue"),
    "workers": count("Q_WORKERS", default=4),
    "timeout": _task_timeout,
    "retry": max(3600, 2 * _task_timeout + 60),
    "queue_limit": 1,
    "bulk": 1,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 500,
    "max_rss": 400_000,  # kilobytes
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# --- Log --------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "mailing": {"level": "INFO"},
        # Scanners ask for wrong hosts all day; by default each of them makes Django write a letter to ADMINS.
        "django.security.DisallowedHost": {"handlers": ["console"], "level": "CRITICAL", "propagate": False},
        "django-q": {"level": "WARNING", "handlers": ["console"], "propagate": False},
    },
}
