"""What a run waits for, since when, and who was refused before: columns in the place of English sentences.

At ten million deliveries this takes a second: no table is copied, and of the deliveries only those of open runs are
looked at.
"""

from collections import defaultdict

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Q
from django.utils.dateparse import parse_datetime

# What `note` said until now, and the choices that say it from here on.
WAITS_FOR = {
    "The mailing is paused. Resume it, and the rest gets the letter.": "paused",
    "The server asked to come back later for some letters. The next try is at %(at)s.": "deferred",
    "The sending rate is used up (MAILING_RATE_LIMIT). The next letter leaves at %(at)s.": "rate",
    "The mail server does not answer (%(server)s). The letters wait and leave later: the next try is at %(at)s.": (
        "no_answer"
    ),
    "The mail server took longer than %(seconds)s seconds. The next try is at %(at)s.": "too_slow",
    "The mail server answered unintelligibly: “%(words)s”. No letter left; the next try is at %(at)s.": (
        "unintelligible"
    ),
    "The mail server asks us to wait. This passes; the next try is at %(at)s.": "asked_to_wait",
    "The mail server refuses one letter after the other, which may be about the sender. Nobody was marked; "
    "the next try is at %(at)s.": "all_refused",
    "The mail server drops the connection after a letter without saying whether it took it. Such letters stand as "
    "unconfirmed, the others wait; the next try is at %(at)s.": "vanishing",
    "The mail server was in trouble a moment ago. The letters wait; the next try is at %(at)s.": "breaker_open",
    "The mail server did not accept the login or the password. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s).": "login",
    "The certificate of the mail server is not trusted (%(server)s). The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s).": "certificate",
    "The mail server does not accept the sender %(sender)s. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s).": "sender",
    "The mail server refuses us. The mailing waits: check the mail settings, "
    "then it goes on by itself (the next try is at %(at)s).": "settings",
}
HINDERED_BY = {
    "Nothing was running at the planned time (computer off, qcluster stopped), and it became too late.": (
        "nothing_running"
    ),
    "Nothing was running at the planned time; only the latest planned time was made up for.": "only_latest",
    "The end of the mailing had passed before it could be sent.": "ended",
    "Sending was switched off on this installation (MAILING_SENDING_ENABLED).": "disabled",
    "Sending was held back: the data belonged to %(site)s, another installation.": "copy",
    "The mailing was changed before it could be sent.": "changed",
    "The mailing was paused before it could be sent.": "paused",
    "The mailing was finished before it could be sent.": "finished",
    "The previous run (attempt %(attempt)s) was still handing over letters.": "overlap",
    "The message cannot be sent: %(problem)s": "broken_message",
}
INTERRUPTED = (
    "Sending was interrupted (a restart, a power cut or a full disk) at %(done)s of %(audience)s. "
    "Nobody who got the letter gets it again."
)
SUMMARY = "%(count)s planned times from %(first)s to %(last)s were missed."
# These were told by other columns already; only the way back needs them.
CUT_SHORT = {
    "The mailing was finished before everybody got the letter.": "finished",
    "The end of the mailing had passed before everybody got the letter.": "ended",
    "Some letters could not be sent before the next run.": "next_run",
    "The mail server took no letter for too long, so the run was given up.": "retry_window",
    "The server refused the message itself. Change it, then send again.": "message",
}
NOBODY = "Nobody to send to: add recipients."
NOBODY_LEFT = "Nobody was left to send to: all recipients are on the stop list, removed or deleted."

AT_ONCE = 500


class AddColumn(migrations.AddField):
    """SQLite can add a column with a constant default at once; Django would copy the table."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        BaseDatabaseSchemaEditor.add_field(schema_editor, model, model._meta.get_field(self.name))


def carry_over(apps, schema_editor):
    attempts, deliveries = tables(apps, schema_editor)
    alike = defaultdict(list)
    for pk, *said in attempts.exclude(note="").values_list("pk", "status", "note", "note_params").iterator():
        alike[tuple(columns(*said).items())].append(pk)
    alike.pop((), None)
    for values, numbers in alike.items():
        for first in range(0, len(numbers), AT_ONCE):
            attempts.filter(pk__in=numbers[first : first + AT_ONCE]).update(**dict(values))
    # Refused in a row of twenty: back in the queue with the server's refusal, then deferred without a try.
    refused_before = Q(status="queued", code__isnull=False) & (Q(code__gte=500) | Q(tries=0))
    refused_before |= Q(status="deferred", tries=0)
    for pk in attempts.filter(status="running").values_list("pk", flat=True):
        deliveries.filter(refused_before, attempt=pk).update(refused_before=True)


def columns(status, note, params):
    if note in WAITS_FOR and status == "running":
        return {"waits_for": WAITS_FOR[note], "waits_since": parse_datetime(params.get("since", ""))}
    if note in HINDERED_BY:
        return {"hindered_by": HINDERED_BY[note]}
    if note == INTERRUPTED:
        return {"interrupted_after": params["done"]}
    if note == SUMMARY:
        return {"stands_for": params["count"], "first_occurrence": parse_datetime(params["first"])}
    return {}


def carry_back(apps, schema_editor):
    attempts, _deliveries = tables(apps, schema_editor)
    running, failed = attempts.filter(status="running"), attempts.filter(status="failed")
    failed.filter(skipped=F("audience")).update(note=NOBODY_LEFT)
    failed.filter(audience=0).update(note=NOBODY)
    told = ((failed, "cut_short", CUT_SHORT), (attempts, "hindered_by", HINDERED_BY), (running, "waits_for", WAITS_FOR))
    for rows, column, sentences in told:
        for sentence, value in sentences.items():
            rows.filter(**{column: value}).update(note=sentence)
    for attempt in running.exclude(waits_since=None):
        params = attempt.note_params | {"since": attempt.waits_since.isoformat()}
        attempts.filter(pk=attempt.pk).update(note_params=params)
    for attempt in attempts.filter(Q(status="running") | Q(unconfirmed__gt=0), note="").exclude(interrupted_after=None):
        params = {"done": attempt.interrupted_after, "audience": attempt.audience}
        attempts.filter(pk=attempt.pk).update(note=INTERRUPTED, note_params=params)
    for attempt in attempts.exclude(first_occurrence=None):
        first, last = attempt.first_occurrence.isoformat(), attempt.occurrence.isoformat()
        params = {"count": attempt.stands_for, "first": first, "last": last}
        attempts.filter(pk=attempt.pk).update(note=SUMMARY, note_params=params)
    if schema_editor.connection.vendor == "postgresql":  # a row written twice is looked at before its table changes
        schema_editor.connection.check_constraints()


def tables(apps, schema_editor):
    alias = schema_editor.connection.alias
    return [apps.get_model("mailing", name).objects.using(alias) for name in ("Attempt", "Delivery")]


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0001_initial'),
    ]

    operations = [
        AddColumn(
            model_name='attempt',
            name='first_occurrence',
            field=models.DateTimeField(blank=True, null=True, verbose_name='first planned time'),
        ),
        AddColumn(
            model_name='attempt',
            name='hindered_by',
            field=models.CharField(blank=True, choices=[('nothing_running', 'nothing was running'), ('only_latest', 'only the latest planned time was made up for'), ('ended', 'the end of the mailing has passed'), ('disabled', 'sending was switched off'), ('copy', 'the data belonged to another installation'), ('changed', 'the mailing was changed'), ('paused', 'the mailing was paused'), ('finished', 'the mailing was finished'), ('overlap', 'the previous run was still handing over letters'), ('broken_message', 'the message cannot be sent')], db_default='', default='', max_length=20, verbose_name='why it did not run'),
        ),
        AddColumn(
            model_name='attempt',
            name='interrupted_after',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='interrupted after'),
        ),
        AddColumn(
            model_name='attempt',
            name='stands_for',
            field=models.PositiveIntegerField(db_default=1, default=1, verbose_name='planned times'),
        ),
        AddColumn(
            model_name='attempt',
            name='waits_for',
            field=models.CharField(blank=True, choices=[('paused', 'the mailing is paused'), ('deferred', 'letters are deferred'), ('rate', 'the sending rate is used up'), ('no_answer', 'the mail server does not answer'), ('too_slow', 'the mail server is too slow'), ('unintelligible', 'the mail server answers unintelligibly'), ('asked_to_wait', 'the mail server asks us to wait'), ('all_refused', 'the mail server refuses one letter after the other'), ('vanishing', 'the mail server does not say what became of letters'), ('breaker_open', 'the mail server was in trouble a moment ago'), ('login', 'the login was not accepted'), ('certificate', 'the certificate is not trusted'), ('sender', 'the sender was not accepted'), ('settings', 'the mail settings were refused')], db_default='', default='', max_length=20, verbose_name='why it waits'),
        ),
        AddColumn(
            model_name='attempt',
            name='waits_since',
            field=models.DateTimeField(blank=True, null=True, verbose_name='waits since'),
        ),
        AddColumn(
            model_name='delivery',
            name='refused_before',
            field=models.BooleanField(db_default=False, default=False, verbose_name='refused before'),
        ),
        migrations.RunPython(carry_over, carry_back),
        migrations.RemoveField(
            model_name='attempt',
            name='note',
        ),
    ]
