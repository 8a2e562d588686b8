"""The access log. The log-ins written down until now (by axes, in a table of its own) stand in it, too."""

import django.utils.timezone
from django.db import migrations, models

AT_ONCE = 2000


def take_over(apps, schema_editor):
    alias = schema_editor.connection.alias
    event = apps.get_model("mailing", "AccessEvent")
    rows = apps.get_model("axes", "AccessLog").objects.using(alias).order_by("pk")
    batch = []
    for row in rows.iterator(chunk_size=AT_ONCE):
        who = {
            "username": (row.username or "")[:150],
            "address": row.ip_address,
            "browser": "" if row.user_agent == "<unknown>" else row.user_agent,
        }
        batch.append(event(kind="logged_in", at=row.attempt_time, **who))
        if row.logout_time:
            batch.append(event(kind="logged_out", at=row.logout_time, **who))
        if len(batch) >= AT_ONCE:
            event.objects.using(alias).bulk_create(batch)
            batch = []
    event.objects.using(alias).bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0005_former_addresses'),
        ('axes', '0010_accessattemptexpiration'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name='when')),
                ('kind', models.CharField(choices=[('logged_in', 'logged in'), ('logged_out', 'logged out'), ('failed', 'wrong password'), ('locked_out', 'locked out'), ('refused', 'refused while locked out'), ('unlocked', 'unlocked'), ('code_failed', 'wrong code'), ('factor_added', 'second factor set up'), ('factor_removed', 'second factor removed'), ('recovery_made', 'recovery codes made'), ('recovery_used', 'recovery code used'), ('password_changed', 'password changed'), ('reset_asked', 'new password asked for'), ('reset_done', 'new password set by letter'), ('user_added', 'user added'), ('user_changed', 'user changed'), ('user_deleted', 'user deleted'), ('rights_changed', 'rights changed')], max_length=20, verbose_name='what')),
                ('username', models.CharField(blank=True, max_length=150, verbose_name='user name')),
                ('name_key', models.CharField(blank=True, max_length=32)),
                ('by', models.CharField(blank=True, max_length=150, verbose_name='by')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('network', models.CharField(blank=True, max_length=43)),
                ('device', models.CharField(blank=True, max_length=16)),
                ('browser', models.CharField(blank=True, max_length=255, verbose_name='browser')),
                ('details', models.JSONField(blank=True, default=dict, verbose_name='details')),
            ],
            options={
                'verbose_name': 'entry of the access log',
                'verbose_name_plural': 'access log',
                'ordering': ('-at', '-pk'),
                'permissions': (('export_accessevent', 'Can export the access log'),),
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['name_key', 'at'], name='access_by_name'), models.Index(fields=['network', 'at'], name='access_by_network')],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
