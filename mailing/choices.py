"""The words of the domain, each with one line of meaning. Stored values are the lower-case identifiers."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Periodicity(TextChoices):
    """How often a mailing repeats, counted from its start."""

    ONCE = "once", _("once")
    DAILY = "daily", _("daily")
    WEEKLY = "weekly", _("weekly")
    MONTHLY = "monthly", _("monthly")


class MailingStatus(TextChoices):
    """Where a mailing stands in its life. A run that is going on right now is not a status."""

    CREATED = "created", pgettext_lazy("mailing", "created")  # no run yet
    RUNNING = "running", pgettext_lazy("mailing", "running")  # between its first run and its end
    FINISHED = "finished", pgettext_lazy("mailing", "finished")  # nothing more will be sent by itself


class Audience(TextChoices):
    """To whom a mailing goes; resolved when a run starts."""

    SELECTED = "selected", _("selected clients")
    EVERYONE = "everyone", _("everyone who receives mail")


class AttemptStatus(TextChoices):
    """The result of one run of one mailing."""

    RUNNING = "running", pgettext_lazy("attempt", "not over")  # how it stands: State
    SUCCEEDED = "succeeded", pgettext_lazy("attempt", "succeeded")  # everybody who may be written to was
    PARTLY = "partly", pgettext_lazy("attempt", "partly")  # it did its work; some were refused or are unconfirmed
    FAILED = "failed", pgettext_lazy("attempt", "failed")  # the run was cut short, or nobody was accepted
    MISSED = "missed", pgettext_lazy("attempt", "missed")  # an occurrence that did not run; the note says why


class State(TextChoices):
    """Where a run or a mailing stands at this moment, by one word wherever it is shown (`services.states`).

    A status is stored; a state follows from rows, clock and workers.
    """

    # of a run that is not over, and of its mailing meanwhile
    SENDING = "sending", pgettext_lazy("state", "being sent")  # letters are being decided, one after the other
    QUEUED = "queued", pgettext_lazy("state", "waits its turn")  # a worker is about to take it up
    WAITING = "waiting", pgettext_lazy("state", "waits")  # until a moment that is known
    PAUSED = "paused", pgettext_lazy("state", "paused")  # somebody stopped it; also of a mailing without a run
    STALLED = "stalled", pgettext_lazy("state", "stands still")  # it should go on, and does not
    # of a run that is over: AttemptStatus
    SUCCEEDED = AttemptStatus.SUCCEEDED.value, AttemptStatus.SUCCEEDED.label
    PARTLY = AttemptStatus.PARTLY.value, AttemptStatus.PARTLY.label
    FAILED = AttemptStatus.FAILED.value, AttemptStatus.FAILED.label
    MISSED = AttemptStatus.MISSED.value, AttemptStatus.MISSED.label
    # of a mailing without a run that goes on: MailingStatus, and what overrides it
    DRAFT = "draft", pgettext_lazy("state", "draft")  # paused, and nothing was ever sent
    CREATED = MailingStatus.CREATED.value, MailingStatus.CREATED.label
    RUNNING = MailingStatus.RUNNING.value, MailingStatus.RUNNING.label
    OVERDUE = "overdue", pgettext_lazy("state", "overdue")  # its time passed a while ago, and no run began
    FINISHED = MailingStatus.FINISHED.value, MailingStatus.FINISHED.label


OPEN_STATES = (State.SENDING, State.QUEUED, State.WAITING, State.PAUSED, State.STALLED)


class Step(TextChoices):
    """The one thing a person can do about a state. What a button says."""

    PAUSE = "pause", pgettext_lazy("mailing", "Pause")
    RESUME = "resume", _("Resume")
    GO_ON = "go_on", _("Go on at once")  # before the waiting time is over
    SEND = "send", _("Send now")
    RETRY = "retry", _("Repeat for those not reached")
    COPY = "copy", _("Copy")  # nothing more will come of this one
    OPERATE = "operate", _("Ask the administrator")  # nothing the office can press: the sentence says what is wrong


class Trigger(TextChoices):
    """Who started a run."""

    SCHEDULE = "schedule", _("by schedule")
    MANUAL = "manual", _("manually")
    COMMAND = "command", _("from the command line")
    RETRY = "retry", _("retry")


class WaitsFor(TextChoices):
    """Why an open run waited last. What people read is made from it: `models.attempt_notes`."""

    PAUSED = "paused", _("the mailing is paused")
    DEFERRED = "deferred", _("letters are deferred")
    RATE = "rate", _("the sending rate is used up")
    # the mail service (`waits_since` says since when)
    NO_ANSWER = "no_answer", _("the mail server does not answer")
    TOO_SLOW = "too_slow", _("the mail server is too slow")
    UNINTELLIGIBLE = "unintelligible", _("the mail server answers unintelligibly")
    ASKED_TO_WAIT = "asked_to_wait", _("the mail server asks us to wait")
    ALL_REFUSED = "all_refused", _("the mail server refuses one letter after the other")
    VANISHING = "vanishing", _("the mail server does not say what became of letters")
    BREAKER_OPEN = "breaker_open", _("the mail server was in trouble a moment ago")
    # the mail service, until somebody mends the settings
    LOGIN = "login", _("the login was not accepted")
    CERTIFICATE = "certificate", _("the certificate is not trusted")
    SENDER = "sender", _("the sender was not accepted")
    SETTINGS = "settings", _("the mail settings were refused")


class Hindrance(TextChoices):
    """Why a planned run did not happen. What people read is made from it: `models.attempt_notes`."""

    NOTHING_RUNNING = "nothing_running", _("nothing was running")
    ONLY_LATEST = "only_latest", _("only the latest planned time was made up for")
    ENDED = "ended", _("the end of the mailing has passed")
    DISABLED = "disabled", _("sending was switched off")
    COPY = "copy", _("the data belonged to another installation")
    CHANGED = "changed", _("the mailing was changed")
    PAUSED = "paused", _("the mailing was paused")
    FINISHED = "finished", _("the mailing was finished")
    OVERLAP = "overlap", _("the previous run was still handing over letters")
    # of a message: these failed, they were not missed
    BROKEN_MESSAGE = "broken_message", _("the message cannot be sent")
    TOO_LONG = "too_long", _("the letter is too long")
    TOO_DEEP = "too_deep", _("the letter is nested too deep")
    TOO_LARGE = "too_large", _("the letter with its styles is too large")
    TOO_COSTLY = "too_costly", _("the letter takes too much time or memory")


class DeliveryStatus(TextChoices):
    """Where the letter to one client in one attempt stands: three open states, four final ones."""

    QUEUED = "queued", pgettext_lazy("delivery", "queued")  # waits for its turn
    SENDING = "sending", pgettext_lazy("delivery", "sending")  # claimed: its letter may be on the line
    DEFERRED = "deferred", pgettext_lazy("delivery", "deferred")  # the server asked to come back at retry_at
    SENT = "sent", pgettext_lazy("delivery", "accepted by the server")  # 2xx after the final dot
    FAILED = "failed", pgettext_lazy("delivery", "refused")  # the server said no, or the tries are used up
    UNCONFIRMED = "unconfirmed", pgettext_lazy("delivery", "unconfirmed")  # the answer to the dot is unknown
    SKIPPED = "skipped", pgettext_lazy("delivery", "skipped")  # not sent on purpose; the reason says why


OPEN_DELIVERY_STATUSES = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING, DeliveryStatus.DEFERRED)


class DeliveryReason(TextChoices):
    """Why a delivery ended as anything but sent."""

    # skipped: the client must not be written to (does not spoil the attempt)
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    SUPPRESSED = "suppressed", _("on the stop list")
    REMOVED = "removed", _("removed from the mailing")
    DELETED = "deleted", _("client deleted")
    DUPLICATE = "duplicate", _("the address already got this letter")  # addresses moved between clients in mid-run
    # skipped: the run was cut short
    ENDED = "ended", _("the end of the mailing has passed")
    FINISHED = "finished", _("the mailing was finished")
    # failed
    REFUSED = "refused", _("refused by the server")
    NO_SUCH_MAILBOX = "no_such_mailbox", _("no such mailbox")
    TRIES_USED_UP = "tries_used_up", _("still refused after the last try")
    NEXT_RUN = "next_run", _("could not be sent before the next run")
    RETRY_WINDOW = "retry_window", _("the mail service was not available for too long")
    CONFIGURATION = "configuration", _("the mail settings were refused")
    MESSAGE = "message", _("the message itself was refused")
    UNSENDABLE = "unsendable", _("the letter could not be composed")
    PUT_ASIDE = "put_aside", _("the sending processes died at this run")
    BAD_ADDRESS = "bad_address", _("the address cannot be used")
    # unconfirmed
    LINE_LOST = "line_lost", _("the line was lost after the letter was handed over")
    UNINTELLIGIBLE = "unintelligible", _("the answer after the letter could not be understood")
    WORKER_DIED = "worker_died", _("the sending process died while the letter was on its way")


HARMLESS_SKIPS = (
    DeliveryReason.UNSUBSCRIBED,
    DeliveryReason.SUPPRESSED,
    DeliveryReason.REMOVED,
    DeliveryReason.DELETED,
    DeliveryReason.DUPLICATE,
)


class SuppressionReason(TextChoices):
    """Why an address is never written to."""

    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    HARD_BOUNCE = "hard_bounce", _("the address does not exist")
    COMPLAINT = "complaint", _("complaint")
    MANUAL = "manual", _("added by hand")

    @staticmethod
    def as_skip(reason: str) -> DeliveryReason:
        """What stands at the delivery of a recipient who is on the stop list for this reason."""
        goodbye = reason == SuppressionReason.UNSUBSCRIBED
        return DeliveryReason.UNSUBSCRIBED if goodbye else DeliveryReason.SUPPRESSED


class RecipientPart(TextChoices):
    """Some of a mailing's recipients, by the next run and the latest."""

    NEW = "new", pgettext_lazy("recipients", "New since the last run")  # in the next, not meant by the latest
    SKIPPED = "skipped", pgettext_lazy("recipients", "Will be skipped")  # and why, in the word of DeliveryReason
    GOT = "got", pgettext_lazy("recipients", "Got the last letter")  # the server accepted it, or that of a retry
    MISSED = "missed", pgettext_lazy("recipients", "Did not get the last letter")  # refused, unconfirmed or skipped


class NoticeKind(TextChoices):
    """What staff are told about by letter."""

    FAILED = "failed", pgettext_lazy("notice", "a run failed")
    MISSED = "missed", pgettext_lazy("notice", "a planned time was missed")
    WAITING = "waiting", pgettext_lazy("notice", "a run has been waiting for the mail service for an hour")


class AccessKind(TextChoices):
    """What happened at the door: the access log."""

    LOGGED_IN = "logged_in", _("logged in")
    LOGGED_OUT = "logged_out", _("logged out")
    FAILED = "failed", _("wrong password")
    LOCKED_OUT = "locked_out", _("locked out")  # this failure was one too many
    REFUSED = "refused", _("refused while locked out")  # at most one a minute and address
    UNLOCKED = "unlocked", _("unlocked")
    # the second factor
    CODE_FAILED = "code_failed", _("wrong code")
    FACTOR_ADDED = "factor_added", _("second factor set up")
    FACTOR_REMOVED = "factor_removed", _("second factor removed")
    RECOVERY_MADE = "recovery_made", _("recovery codes made")
    RECOVERY_USED = "recovery_used", _("recovery code used")
    # passwords
    PASSWORD_CHANGED = "password_changed", _("password changed")
    RESET_ASKED = "reset_asked", _("new password asked for")
    RESET_DONE = "reset_done", _("new password set by letter")
    # accounts and rights
    USER_ADDED = "user_added", _("user added")
    USER_CHANGED = "user_changed", _("user changed")
    USER_DELETED = "user_deleted", _("user deleted")
    RIGHTS_CHANGED = "rights_changed", _("rights changed")


class UndoKind(TextChoices):
    """What can be taken back by the button in the message that reports it."""

    PAUSE = "pause", _("mailings paused")
    REMOVAL = "removal", _("recipients removed")
    STOP = "stop", _("addresses put on the stop list")
    LIFT = "lift", _("addresses taken off the stop list")
