"""Django e-mail backends that answer as a test wants: Django's own for tests, and Anymail's."""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Iterator, Sequence
from typing import Any

import requests
from anymail.exceptions import AnymailRequestsAPIError
from anymail.message import AnymailRecipientStatus
from anymail.signals import pre_send
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend

from mailing.replies import Phase, Reply
from tests.delivery.transports.in_memory import Said

SCRIPT: dict[str, Said] = {}  # each address is answered so once


@contextlib.contextmanager
def scripted(answers: dict[str, Said]) -> Iterator[None]:
    SCRIPT.update(answers)
    pre_send.connect(_tell_anymail)
    try:
        yield
    finally:
        pre_send.disconnect(_tell_anymail)
        SCRIPT.clear()


class SmtpLikeBackend(LocmemBackend):
    """Keeps letters in memory and raises what Django's SMTP backend would."""

    def open(self) -> bool:
        for to, (phase, answer) in list(SCRIPT.items()):
            if phase is Phase.AUTH and isinstance(answer, Reply):
                del SCRIPT[to]
                raise smtplib.SMTPAuthenticationError(answer.code, answer.text.encode())
        return True

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        (message,) = messages
        (to,) = message.recipients()
        phase, answer = SCRIPT.pop(to, (Phase.DOT, None))
        if isinstance(answer, Reply):
            raise _smtplib_error(phase, answer, to)
        sent: int = super().send_messages([message])
        if answer is not None:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        return sent


def _smtplib_error(phase: Phase, answer: Reply, to: str) -> smtplib.SMTPException:
    text = answer.text.encode()
    if phase is Phase.RCPT:
        return smtplib.SMTPRecipientsRefused({to: (answer.code, text)})
    if phase is Phase.MAIL:
        return smtplib.SMTPSenderRefused(answer.code, text, "a@example.org")
    return smtplib.SMTPDataError(answer.code, text)


def _tell_anymail(sender: Any, message: Any, **kwargs: Any) -> None:
    """Anymail's own test backend answers what stands on the message."""
    (to,) = message.recipients()
    phase, answer = SCRIPT.pop(to, (Phase.DOT, None))
    if isinstance(answer, Reply) and phase is Phase.RCPT:
        message.anymail_test_response = {"recipient_status": {to: AnymailRecipientStatus(None, "rejected")}}
    elif isinstance(answer, Reply):
        message.anymail_test_response = api_error(401 if phase is Phase.AUTH else 503)
    elif answer is not None:
        timeout = type("AnymailRequestsAPIError", (AnymailRequestsAPIError, requests.ReadTimeout), {})
        message.anymail_test_response = timeout("Error posting to https://api.example.com")


def api_error(code: int) -> AnymailRequestsAPIError:
    response = requests.Response()
    response.status_code, response.reason, response._content = code, "No", b'{"message": "no"}'
    return AnymailRequestsAPIError(response=response)
