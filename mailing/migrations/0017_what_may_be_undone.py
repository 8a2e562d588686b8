"""What staff did a moment ago and may take back: kept for a quarter of an hour."""

import django.db.models.deletion
import mailing.models.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0016_room_for_the_next_version'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Undo',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('pause', 'mailings paused'), ('removal', 'recipients removed'), ('stop', 'addresses put on the stop list'), ('lift', 'addresses taken off the stop list')], max_length=10, verbose_name='kind')),
                ('mailings', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='done at')),
                ('expires_at', models.DateTimeField(db_index=True, verbose_name='kept until')),
                ('used_at', models.DateTimeField(null=True, verbose_name='undone at')),
                ('clients', models.ManyToManyField(db_constraint=False, related_name='+', to='mailing.client', verbose_name='clients')),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='done by')),
            ],
            options={
                'verbose_name': 'act that can be undone',
                'verbose_name_plural': 'acts that can be undone',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='UndoEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', mailing.models.fields.AddressField(max_length=254, verbose_name='e-mail')),
                ('reason', models.CharField(blank=True, default='', max_length=20, verbose_name='reason')),
                ('note', models.TextField(blank=True, default='', verbose_name='note')),
                ('manual_note', models.TextField(null=True)),
                ('added_at', models.DateTimeField(null=True, verbose_name='since')),
                ('added_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='added by')),
                ('attempt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailing.attempt', verbose_name='attempt')),
                ('undo', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='mailing.undo', verbose_name='act')),
            ],
            options={
                'verbose_name': 'entry as it was',
                'verbose_name_plural': 'entries as they were',
                'default_permissions': (),
            },
        ),
    ]
