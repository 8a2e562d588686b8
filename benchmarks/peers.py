"""What else sends letters from Django, run in an environment of its own (`benchmarks/requirements-peers.txt`).

`python peers.py PEER PHASE PORT LETTERS DATABASE` with PHASE prepare (queue the letters, not measured) or send
(measured). Each peer as its documentation advises for speed: one kept connection, large batches, threads where
it has them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from letters import HTML, SENDER, SUBJECT, TEXT, greeting, recipient


def configure(port: int, database: str) -> None:
    import django
    from django.conf import settings

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office", "mailer"],
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        MAILER_EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        MAILER_EMAIL_MAX_BATCH=None,
        POST_OFFICE={"BATCH_SIZE": 5000, "THREADS_PER_PROCESS": 20, "DEFAULT_PRIORITY": "medium"},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
        SECRET_KEY="benchmark",
    )
    django.setup()


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def bodies(number: int) -> tuple[str, str]:
    """Text and HTML for one client."""
    return TEXT.format(greeting=greeting(number)), HTML.format(greeting=greeting(number))


def send_by_backend(letters: int) -> None:
    """Django's own SMTP backend: one letter a client over one kept connection."""
    from django.core.mail import EmailMultiAlternatives, get_connection

    with get_connection() as connection:
        for number in range(letters):
            text, html = bodies(number)
            letter = EmailMultiAlternatives(SUBJECT, text, SENDER, [recipient(number)], connection=connection)
            letter.attach_alternative(html, "text/html")
            letter.send()


def queue_in_post_office(letters: int) -> None:
    from post_office import mail

    migrate()
    queue = []
    for number in range(letters):
        text, html = bodies(number)
        queue.append(
            {
                "sender": SENDER,
                "recipients": [recipient(number)],
                "subject": SUBJECT,
                "message": text,
                "html_message": html,
            }
        )
    mail.send_many(queue)


def send_by_post_office(_letters: int) -> None:
    from django.core.management import call_command

    call_command("send_queued_mail", processes=1, verbosity=0)


def queue_in_mailer(letters: int) -> None:
    from django.core.mail import EmailMultiAlternatives
    from mailer.models import PRIORITY_MEDIUM, Message, make_message

    migrate()
    queue = []
    for number in range(letters):
        text, html = bodies(number)
        message = make_message(SUBJECT, text, SENDER, [recipient(number)], priority=PRIORITY_MEDIUM)
        letter = EmailMultiAlternatives(SUBJECT, text, SENDER, [recipient(number)])
        letter.attach_alternative(html, "text/html")
        message.email = letter
        queue.append(message)
    Message.objects.bulk_create(queue, batch_size=500)


def send_by_mailer(_letters: int) -> None:
    from mailer.engine import send_all

    send_all()


def nothing(_letters: int) -> None:
    """A peer without a queue has nothing to prepare."""


PEERS: dict[str, dict[str, Callable[[int], Any]]] = {
    "django": {"prepare": nothing, "send": send_by_backend},
    "post_office": {"prepare": queue_in_post_office, "send": send_by_post_office},
    "mailer": {"prepare": queue_in_mailer, "send": send_by_mailer},
}

if __name__ == "__main__":
    peer, phase, port, letters, database = sys.argv[1:]
    configure(int(port), database)
    PEERS[peer][phase](int(letters))
