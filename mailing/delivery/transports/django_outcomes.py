"""What the answers of Django's e-mail backends mean: returned numbers, smtplib's errors, Anymail's, a network's.

The outcomes are those of the SMTP engine. One question decides between "try again" and "nobody knows": can the
letter have left? Where an error does not say, it can.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from mailing.choices import DeliveryReason
from mailing.redaction import clean
from mailing.replies import Outcome, Phase, Reply, Trouble, Verdict, classify

# Raised before a byte of the letter left, by the standard library or (by name: not imported) requests and urllib3.
NEVER_LEFT = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
NEVER_LEFT_NAMES = frozenset(
    {"NewConnectionError", "NameResolutionError", "ConnectTimeout", "ConnectTimeoutError", "ProxyError"}
)

# Of an HTTP API. 500 and 503 are said by the service itself; at 502 and 504 a gateway lost the answer.
HTTP: dict[int, tuple[Verdict, DeliveryReason | None]] = {
    401: (Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION),
    402: (Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION),
    403: (Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION),
    404: (Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION),
    408: (Verdict.UNCONFIRMED, DeliveryReason.LINE_LOST),
    413: (Verdict.MESSAGE, DeliveryReason.MESSAGE),
    429: (Verdict.SERVICE, None),
    500: (Verdict.SERVICE, None),
    503: (Verdict.SERVICE, None),
}

# Anymail's status of one recipient: https://anymail.dev/en/stable/sending/anymail_additions/#esp-send-status
ANYMAIL: dict[str, tuple[Verdict, DeliveryReason | None]] = {
    "sent": (Verdict.SENT, None),
    "queued": (Verdict.SENT, None),
    "invalid": (Verdict.FAILED, DeliveryReason.BAD_ADDRESS),
    "rejected": (Verdict.FAILED, DeliveryReason.REFUSED),  # on the provider's own stop list
    "failed": (Verdict.FAILED, DeliveryReason.REFUSED),
    "unknown": (Verdict.UNCONFIRMED, DeliveryReason.UNINTELLIGIBLE),
}

# Errors of Anymail by name (it is not required): nothing was sent.
ANYMAIL_ERRORS: dict[str, tuple[Verdict, DeliveryReason | None]] = {
    "AnymailInvalidAddress": (Verdict.FAILED, DeliveryReason.BAD_ADDRESS),
    "AnymailUnsupportedFeature": (Verdict.MESSAGE, DeliveryReason.MESSAGE),
    "AnymailSerializationError": (Verdict.MESSAGE, DeliveryReason.MESSAGE),
}


def of_open(error: Exception) -> Outcome:
    """A backend that could not be made or opened: nobody's letter is concerned."""
    if isinstance(error, ImproperlyConfigured | ImportError):
        return _outcome(Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION, Phase.CONNECT)
    return _of_smtplib(error) or classify(Phase.CONNECT, _trouble(error))


def of_return(accepted: object, message: EmailMessage, to: str) -> Outcome:
    """`send_messages` came back: with the number of letters it handed over, and perhaps Anymail's word about it."""
    outcome = _of_status(message, to)
    if outcome is not None:
        return outcome
    if accepted == 1:
        return _outcome(Verdict.SENT, None)
    if accepted == 0:  # a backend that declined, or a signal that cancelled it
        return _outcome(Verdict.FAILED, DeliveryReason.REFUSED, sender_side=True)
    return _outcome(Verdict.UNCONFIRMED, DeliveryReason.UNINTELLIGIBLE, trouble=Trouble.GARBAGE)


def of_error(error: Exception, message: EmailMessage, to: str) -> Outcome:
    return (
        _of_smtplib(error) or _of_status(message, to) or _of_anymail(error) or _of_http(error) or _of_network(error)
    )


def _of_smtplib(error: Exception) -> Outcome | None:
    """Django's own backend and its relatives."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return _of_reply(Phase.RCPT, code, text)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return classify(Phase.AUTH, Trouble.NO_AUTH)
    phases = {
        smtplib.SMTPAuthenticationError: Phase.AUTH,
        smtplib.SMTPConnectError: Phase.CONNECT,
        smtplib.SMTPHeloError: Phase.EHLO,
        smtplib.SMTPSenderRefused: Phase.MAIL,
        smtplib.SMTPDataError: Phase.DOT,
    }
    phase = phases.get(type(error))
    if phase is None or not isinstance(error, smtplib.SMTPResponseException):
        return None
    return _of_reply(phase, error.smtp_code, error.smtp_error)


def _of_reply(phase: Phase, code: int, text: bytes | str) -> Outcome:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return classify(phase, Reply.of(code, words))


def _of_status(message: EmailMessage, to: str) -> Outcome | None:
    """Anymail's `anymail_status`, set by a backend that reached its provider."""
    status = getattr(message, "anymail_status", None)
    recipients: dict[str, Any] = getattr(status, "recipients", None) or {}
    known = recipients.get(to) or next(iter(recipients.values()), None)
    if known is None or known.status is None:
        return None
    verdict, reason = ANYMAIL.get(known.status, ANYMAIL["unknown"])
    trouble = Trouble.GARBAGE if verdict is Verdict.UNCONFIRMED else None
    return _outcome(verdict, reason, response=known.status, trouble=trouble, sender_side=known.status == "failed")


def _of_anymail(error: Exception) -> Outcome | None:
    names = (kind.__name__ for kind in type(error).__mro__)
    known = next((ANYMAIL_ERRORS[name] for name in names if name in ANYMAIL_ERRORS), None)
    if isinstance(error, ImproperlyConfigured):
        known = (Verdict.CONFIGURATION, DeliveryReason.CONFIGURATION)
    return _outcome(*known, response=str(error)) if known else None


def _of_http(error: Exception) -> Outcome | None:
    """A provider's API said no. An unknown 4xx may mean the recipient or us, like a bare 550."""
    code = getattr(error, "status_code", None)
    if not isinstance(code, int):
        return None
    response = str(error)
    if code in HTTP:
        verdict, reason = HTTP[code]
        trouble = Trouble.LOST if verdict is Verdict.UNCONFIRMED else None
        return _outcome(verdict, reason, code=code, response=response, trouble=trouble)
    if 400 <= code < 500:
        return _outcome(Verdict.FAILED, DeliveryReason.REFUSED, code=code, response=response, sender_side=True)
    return _outcome(
        Verdict.UNCONFIRMED, DeliveryReason.UNINTELLIGIBLE, code=code, response=response, trouble=Trouble.GARBAGE
    )


def _of_network(error: Exception) -> Outcome:
    chain = list(_causes(error))
    if any(isinstance(one, NEVER_LEFT) or type(one).__name__ in NEVER_LEFT_NAMES for one in chain):
        return classify(Phase.CONNECT, next((t for t in map(_trouble, chain) if t is not Trouble.LOST), Trouble.LOST))
    return classify(Phase.DOT, _trouble(error))


def _trouble(error: BaseException) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble.CERTIFICATE
    return Trouble.TIMEOUT if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ else Trouble.LOST


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, also inside the arguments (urllib3 and requests wrap that way). At most 20."""
    waiting: list[object] = [error]
    for _ in range(20):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, BaseException):
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _outcome(
    verdict: Verdict,
    reason: DeliveryReason | None,
    phase: Phase = Phase.DOT,
    *,
    code: int | None = None,
    response: str = "",
    sender_side: bool = False,
    trouble: Trouble | None = None,
) -> Outcome:
    return Outcome(
        verdict,
        reason,
        sender_side=sender_side,
        code=code,
        response=clean(response),
        phase=phase,
        trouble=trouble,
    )
