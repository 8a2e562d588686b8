"""A run that did its work, though some were refused or are unconfirmed, no longer counts as failed: it is *partly*.

What ended before is judged by its own columns, in batches: of 24 000 runs only those that failed and were accepted by
somebody are looked at, and of these only the ones that were cut short are read.
"""

from collections import Counter

from django.db import migrations, models

AT_ONCE = 500
READ_AT_ONCE = 20  # groups of refusals: up to 100 kB a run


def tell_apart(apps, schema_editor):
    attempts, notices, services = tables(apps, schema_editor)
    partly = list(did_their_work(attempts))
    for numbers in batches(partly):
        # Nobody is written to about them: neither is a letter that still waits to leave.
        notices.filter(attempt__in=numbers, kind="failed", sent_at=None).delete()
        attempts.filter(pk__in=numbers).update(status="partly")
    count_as(services, failed=len(partly))


def did_their_work(attempts):
    """Somebody accepted, and whoever was not had their turn."""
    failed = attempts.filter(status="failed", sent__gt=0, hindered_by="").order_by("pk")
    for pk, failures, doubts in failed.filter(cut_short="").values_list("pk", "failed", "unconfirmed").iterator():
        if failures or doubts:
            yield pk
    # Asked to end when everybody had had their turn: then nobody stands there with that reason.
    cut = failed.exclude(cut_short="").values_list("pk", "cut_short", "reasons")
    for pk, why, groups in cut.iterator(READ_AT_ONCE):
        if groups and all(group.get("reason") != why for group in groups):
            yield pk


def call_all_failed(apps, schema_editor):
    attempts, _notices, services = tables(apps, schema_editor)
    partly = list(attempts.filter(status="partly").order_by("pk").values_list("pk", flat=True))
    for numbers in batches(partly):
        attempts.filter(pk__in=numbers).update(status="failed", staff_told=True)
    count_as(services, failed=-len(partly))


def count_as(services, *, failed):
    """The counters of monitoring never fall: what was counted as failed stays so, and the new one begins at nought."""
    if not failed:
        return
    services.get_or_create(pk=1)
    kept = Counter(services.values_list("deleted_runs", flat=True).get(pk=1))
    kept.update({"run_failed": failed, "run_partly": -failed})
    services.filter(pk=1).update(deleted_runs={name: number for name, number in kept.items() if number})


def batches(numbers):
    return [numbers[first : first + AT_ONCE] for first in range(0, len(numbers), AT_ONCE)]


def tables(apps, schema_editor):
    alias = schema_editor.connection.alias
    names = ("Attempt", "StaffNotice", "MailService")
    return [apps.get_model("mailing", name).objects.using(alias) for name in names]


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0012_servers_that_fail_at_chunking'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attempt',
            name='status',
            field=models.CharField(choices=[('running', 'running'), ('succeeded', 'succeeded'), ('partly', 'partly'), ('failed', 'failed'), ('missed', 'missed')], default='running', max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='staffnotice',
            name='kind',
            field=models.CharField(choices=[('failed', 'a run failed'), ('missed', 'a planned time was missed'), ('waiting', 'a run has been waiting for the mail service for an hour')], max_length=10, verbose_name='cause'),
        ),
        migrations.RunPython(tell_apart, call_all_failed),
    ]
