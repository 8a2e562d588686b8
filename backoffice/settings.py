"""Settings of an installation: one file, read by `env.py`, explained in docs/reference/settings.md.

What is left out is closed or on this machine; what makes no sense is refused at start-up with a sentence that says
what to do. With DEBUG=true everything runs on SQLite with the demo mail server on loopback. All durations are seconds
and may be fractions.
"""

from __future__ import annotations

import math
import re
from email.utils import getaddresses, parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from backoffice import env, log
from mailing.hosts import is_loopback

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DEMO_SECRET_KEY = "demo-only-" + "samovar" * 8

# --- Installation -----------------------------------------------------------------------------------

env.load(env.FILE)
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.given("SECRET_KEY", DEMO_SECRET_KEY if DEBUG else "")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or LOOPBACK_HOSTS
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
SITE_URL = env.site("SITE_URL", "http://127.0.0.1:8000")
ADMINS = [(name or address, address) for name, address in getaddresses(env.words("ADMINS"))]
TRUST_PROXY = env.flag("TRUST_PROXY", default=False)
TRUSTED_PROXY_COUNT = env.count("TRUSTED_PROXY_COUNT", default=1, most=10)

if not DEBUG and (not env.is_strong(SECRET_KEY) or SECRET_KEY == DEMO_SECRET_KEY):
    raise ImproperlyConfigured(
        "SECRET_KEY is missing or weak. Put at least 40 random characters into .env, for example the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))". For a demo on this machine set DEBUG=true.'
    )
if not DEBUG and not all(env.is_strong(key) and key != DEMO_SECRET_KEY for key in SECRET_KEY_FALLBACKS):
    raise env.refused(
        "SECRET_KEY_FALLBACKS",
        "one of the keys is weak or known to everybody: whoever knows it signs whatever they like. Take it out; "
        "what it signed (sessions, links to unsubscribe) is not believed any more.",
    )
if DEBUG and not set(ALLOWED_HOSTS) <= set(LOOPBACK_HOSTS):
    raise ImproperlyConfigured(
        "DEBUG=true is a demo for this machine only, but ALLOWED_HOSTS names other hosts. "
        "Set DEBUG=false and a SECRET_KEY, or leave ALLOWED_HOSTS out."
    )
if not DEBUG and SITE_URL.startswith("http://") and not is_loopback(urlsplit(SITE_URL).hostname or ""):
    raise env.refused(
        "SITE_URL",
        "passwords and sessions would cross the network in the clear. Give an address that begins with https:// "
        "and let a proxy speak TLS (docs/how-to/install.md, step 7).",
    )
if not all("@" in address for _name, address in ADMINS):
    raise env.refused("ADMINS", "give addresses separated by commas: Anna <anna@example.com>, boris@example.com.")

# The demo is a guest: the image has no such folder, and DEMO=false leaves it out where there is one.
_demo_is_here = (BASE_DIR / "mailing/demo/apps.py").is_file()
DEMO = env.flag("DEMO", default=_demo_is_here)
if DEMO and not _demo_is_here:
    raise env.refused("DEMO", "this installation has no folder mailing/demo. Leave DEMO out.")

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
    "django_otp",
    "django_otp.plugins.otp_totp",
    *(["mailing.demo.apps.DemoConfig"] if DEMO else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "backoffice.middleware.readable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "backoffice.sessions.SessionLimits",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "backoffice.uploads.UploadsMiddleware",  # before anything reads the form
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backoffice.knocking.AccessLogMiddleware",
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

DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'samovar.sqlite3'}")}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(mode=0o700, exist_ok=True)
    # A claim must survive a power cut (FULL), and two clusters must not both read before they write (IMMEDIATE).
    # What is deleted is overwritten in the file as well (Debian's SQLite does so by itself).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
else:
    # A host that swallows packets would hold a web thread for minutes.
    DATABASES["default"]["OPTIONS"] = {"connect_timeout": 10} | DATABASES["default"].get("OPTIONS", {})

# --- Language and time ------------------------------------------------------------------------------

LANGUAGE_CODE = env.one_of("LANGUAGE_CODE", ("ru", "en"), default="ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
TIME_ZONE = env.given("TIME_ZONE", "Europe/Moscow")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["backoffice.formats"]
# Strings of templates/ and backoffice/ are collected here, too; backoffice/locale only rewords Django's own.
LOCALE_PATHS = [BASE_DIR / "mailing" / "locale"]

try:
    ZoneInfo(TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, of a file that is none
    raise env.refused("TIME_ZONE", "give a name such as Europe/Moscow.") from None

# --- Security ---------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "backoffice.passwords.CommonAtHeartValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
# Of axes only the backend and the middleware are used: what is counted, and how, is ours (backoffice/lockout.py).
AXES_HANDLER = "backoffice.lockout.AccessLogHandler"
AXES_CLIENT_IP_CALLABLE = "backoffice.knocking.address_for_axes"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "backoffice.lockout.response"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# What is asked for besides the password. The demo has one password for everybody, so no second factor.
SECOND_FACTOR = env.one_of("SECOND_FACTOR", ("off", "optional", "required"), default="off" if DEBUG else "optional")
OTP_TOTP_ISSUER = f"Samovar {urlsplit(SITE_URL).hostname}"
OTP_TOTP_THROTTLE_FACTOR = 0  # how often somebody may guess is counted by place, so that no stranger keeps one out
FAILED_LOGIN_RETENTION_DAYS = env.count("FAILED_LOGIN_RETENTION_DAYS", default=90)
JOURNAL_RETENTION_DAYS = env.count("JOURNAL_RETENTION_DAYS", default=1095, least=0)
SESSION_IDLE_SECONDS = env.positive("SESSION_IDLE_SECONDS", default=7200)
SESSION_MAX_SECONDS = env.positive("SESSION_MAX_SECONDS", default=43200)

BEHIND_TLS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
# A browser takes a cookie of such a name from this very host only: no neighbour below the domain can plant it.
_prefix = "__Host-" if BEHIND_TLS else ""
SESSION_COOKIE_NAME = f"{_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_prefix}csrftoken"
KNOWN_DEVICE_COOKIE_NAME = f"{_prefix}known"
SESSION_COOKIE_AGE = math.ceil(SESSION_MAX_SECONDS)
SECURE_SSL_REDIRECT = BEHIND_TLS
HSTS = env.one_of("HSTS", ("off", "host", "subdomains", "preload"), default="host")
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS and HSTS != "off" else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = bool(SECURE_HSTS_SECONDS) and HSTS in {"subdomains", "preload"}
SECURE_HSTS_PRELOAD = bool(SECURE_HSTS_SECONDS) and HSTS == "preload"
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # how far HSTS reaches: whoever owns the name decides
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
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

# --- Uploads ----------------------------------------------------------------------------------------

# A form holds a letter twice, as HTML and as text, 500 KB each, and a browser spells a letter of ours with six.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_HANDLERS = ["backoffice.uploads.NoFiles"]  # pages that take files ask for others

# --- Import and export ------------------------------------------------------------------------------

# Without the two permission codes anybody of the staff may import (docs of django-import-export, "permissions").
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_SKIP_ADMIN_LOG = True
IMPORT_EXPORT_IMPORT_IGNORE_BLANK_LINES = True

# --- Mail server ------------------------------------------------------------------------------------

EMAIL_HOST = env.host("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = env.count("EMAIL_PORT", default=1025, most=65535)
EMAIL_HOST_USER = env.given("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.exactly("EMAIL_HOST_PASSWORD")
EMAIL_SECURITY = env.one_of("EMAIL_SECURITY", ("none", "starttls", "tls", "none-i-mean-it"), default="none")
if EMAIL_SECURITY == "none" and EMAIL_HOST_USER and not is_loopback(EMAIL_HOST):
    raise env.refused(
        "EMAIL_SECURITY",
        "the password would cross the network in the clear. Give starttls or tls; or none-i-mean-it, if you do.",
    )
EMAIL_SECURITY = EMAIL_SECURITY.removesuffix("-i-mean-it")
EMAIL_USE_TLS = EMAIL_SECURITY == "starttls"
EMAIL_USE_SSL = EMAIL_SECURITY == "tls"
EMAIL_BACKEND = env.given("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
DEFAULT_FROM_EMAIL = env.given("DEFAULT_FROM_EMAIL", "Samovar <samovar@localhost.localdomain>")
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    raise env.refused("DEFAULT_FROM_EMAIL", "give an address, with a name if you like: Tea shop <news@example.com>.")
try:
    import_string(EMAIL_BACKEND)
except ImportError:
    raise env.refused("EMAIL_BACKEND", "there is no such class, or a package is missing that it needs.") from None
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Nobody is promised a letter by a mail server that nobody has named; the demo has its own.
PASSWORD_BY_LETTER = bool(env.given("EMAIL_HOST") or env.given("EMAIL_BACKEND")) or (DEMO and DEBUG)
PASSWORD_RESET_TIMEOUT = 3600

SMTP_CONNECTIONS = env.count("SMTP_CONNECTIONS", default=4)
SMTP_CONNECT_TIMEOUT = env.positive("SMTP_CONNECT_TIMEOUT", default=15)
SMTP_REPLY_TIMEOUT = env.positive("SMTP_REPLY_TIMEOUT", default=60)
SMTP_DOT_TIMEOUT = env.positive("SMTP_DOT_TIMEOUT", default=600)
SMTP_LETTER_BUDGET = env.positive("SMTP_LETTER_BUDGET", default=900)
SMTP_LETTERS_PER_CONNECTION = env.count("SMTP_LETTERS_PER_CONNECTION", default=500)
SMTP_CONNECTION_AGE = env.positive("SMTP_CONNECTION_AGE", default=600)
SMTP_CLAIMS_AHEAD = env.count("SMTP_CLAIMS_AHEAD", default=100, least=0)
SMTP_PIPELINE = env.count("SMTP_PIPELINE", default=8, most=100)
EMAIL_TIMEOUT = SMTP_REPLY_TIMEOUT

# --- Mailings ---------------------------------------------------------------------------------------

MAILING_SENDING_ENABLED = env.flag("MAILING_SENDING_ENABLED", default=True)
MAILING_RETRY_DELAYS = env.positive_list("MAILING_RETRY_DELAYS", default="300,900,2700")
MAILING_RETRY_WINDOW = env.positive("MAILING_RETRY_WINDOW", default=86400)
MAILING_BREAKER_THRESHOLD = env.count("MAILING_BREAKER_THRESHOLD", default=3)
MAILING_BREAKER_PAUSES = env.positive_list("MAILING_BREAKER_PAUSES", default="60,120,240,480,900,1800,3600")
MAILING_RATE_LIMIT = env.given("MAILING_RATE_LIMIT")
if MAILING_RATE_LIMIT and not re.fullmatch("[1-9][0-9]{0,8}/[smhd]", MAILING_RATE_LIMIT):
    raise env.refused(
        "MAILING_RATE_LIMIT", "give a number per second, minute, hour or day: 14/s, 600/m, 5000/h, 2000/d."
    )
MAILING_SLICE_SECONDS = env.positive("MAILING_SLICE_SECONDS", default=60)
MAILING_LEASE_SECONDS = env.positive("MAILING_LEASE_SECONDS", default=120)
MAILING_TICK_SECONDS = env.positive("MAILING_TICK_SECONDS", default=60)
MAILING_MAX_LATENESS = env.positive("MAILING_MAX_LATENESS", default=86400)
DELIVERY_RETENTION_DAYS = env.count("DELIVERY_RETENTION_DAYS", default=90)

# --- Queue (docs/decisions/: why each value) --------------------------------------------------------

# A leaked SECRET_KEY shall not be enough to give the workers orders; without one of its own the queue derives it.
QUEUE_KEY = env.given("QUEUE_KEY")
if QUEUE_KEY and (
    len(QUEUE_KEY) < 40 or len(set(QUEUE_KEY)) < 10 or QUEUE_KEY in {SECRET_KEY, *SECRET_KEY_FALLBACKS}
):
    raise ImproperlyConfigured(
        "QUEUE_KEY is weak, or SECRET_KEY once more. Give 40 random characters of its own, such as the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))"; or leave it empty.'
    )
REDIS_URL = env.redis("REDIS_URL")
_task_timeout = math.ceil(MAILING_SLICE_SECONDS + SMTP_LETTER_BUDGET + 30)
Q_CLUSTER = {
    "name": "samovar",
    "label": _("Queue"),
    "workers": env.count("Q_WORKERS", default=4),
    "timeout": _task_timeout,
    "retry": max(3600, 2 * _task_timeout + 60),
    "queue_limit": 1,
    "poll": 0.1,  # seconds between two looks into an empty queue; a look takes 0.4 ms
    "bulk": 1,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 500,
    "max_rss": 400_000,  # kilobytes
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# --- Monitoring -------------------------------------------------------------------------------------

METRICS_TOKEN = env.given("METRICS_TOKEN")
METRICS_ADDRESSES = env.networks("METRICS_ADDRESSES")
if METRICS_TOKEN and len(METRICS_TOKEN) < 20:
    raise ImproperlyConfigured("METRICS_TOKEN is too short: give at least 20 random characters.")

# --- Log --------------------------------------------------------------------------------------------

LOGGING = log.configuration(env.one_of("LOG_FORMAT", ("text", "json"), default="text"))
DEFAULT_EXCEPTION_REPORTER_FILTER = "backoffice.mistakes.ReportFilter"
