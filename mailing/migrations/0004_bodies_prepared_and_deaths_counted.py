"""What was made of the HTML of a message is remembered; deaths of workers at a run are counted. No row is rewritten."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0003_totals_of_deleted_runs'),
    ]

    operations = [
        migrations.CreateModel(
            name='PreparedBody',
            fields=[
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='mailing.message')),
                ('key', models.CharField(max_length=64)),
                ('html_body', models.TextField()),
                ('text_body', models.TextField(blank=True)),
            ],
            options={
                'verbose_name': 'prepared message',
                'verbose_name_plural': 'prepared messages',
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='attempt',
            name='deaths',
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='progress_at_death',
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='cut_short',
            field=models.CharField(blank=True, choices=[('unsubscribed', 'unsubscribed'), ('suppressed', 'on the stop list'), ('removed', 'removed from the mailing'), ('deleted', 'client deleted'), ('duplicate', 'the address already got this letter'), ('ended', 'the end of the mailing has passed'), ('finished', 'the mailing was finished'), ('refused', 'refused by the server'), ('no_such_mailbox', 'no such mailbox'), ('tries_used_up', 'still refused after the last try'), ('next_run', 'could not be sent before the next run'), ('retry_window', 'the mail service was not available for too long'), ('configuration', 'the mail settings were refused'), ('message', 'the message itself was refused'), ('unsendable', 'the letter could not be composed'), ('put_aside', 'the sending processes died at this run'), ('bad_address', 'the address cannot be used'), ('line_lost', 'the line was lost after the letter was handed over'), ('unintelligible', 'the answer after the letter could not be understood'), ('worker_died', 'the sending process died while the letter was on its way')], default='', max_length=20),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='hindered_by',
            field=models.CharField(blank=True, choices=[('nothing_running', 'nothing was running'), ('only_latest', 'only the latest planned time was made up for'), ('ended', 'the end of the mailing has passed'), ('disabled', 'sending was switched off'), ('copy', 'the data belonged to another installation'), ('changed', 'the mailing was changed'), ('paused', 'the mailing was paused'), ('finished', 'the mailing was finished'), ('overlap', 'the previous run was still handing over letters'), ('broken_message', 'the message cannot be sent'), ('too_long', 'the letter is too long'), ('too_deep', 'the letter is nested too deep'), ('too_large', 'the letter with its styles is too large'), ('too_costly', 'the letter takes too much time or memory')], db_default='', default='', max_length=20, verbose_name='why it did not run'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='reason',
            field=models.CharField(blank=True, choices=[('unsubscribed', 'unsubscribed'), ('suppressed', 'on the stop list'), ('removed', 'removed from the mailing'), ('deleted', 'client deleted'), ('duplicate', 'the address already got this letter'), ('ended', 'the end of the mailing has passed'), ('finished', 'the mailing was finished'), ('refused', 'refused by the server'), ('no_such_mailbox', 'no such mailbox'), ('tries_used_up', 'still refused after the last try'), ('next_run', 'could not be sent before the next run'), ('retry_window', 'the mail service was not available for too long'), ('configuration', 'the mail settings were refused'), ('message', 'the message itself was refused'), ('unsendable', 'the letter could not be composed'), ('put_aside', 'the sending processes died at this run'), ('bad_address', 'the address cannot be used'), ('line_lost', 'the line was lost after the letter was handed over'), ('unintelligible', 'the answer after the letter could not be understood'), ('worker_died', 'the sending process died while the letter was on its way')], default='', max_length=20, verbose_name='reason'),
        ),
    ]
