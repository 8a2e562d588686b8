"""A test letter says what the mail server made of it, so that the first steps can tell whether one arrived."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0014_when_a_letter_was_decided'),
    ]

    operations = [
        migrations.AddField(
            model_name='trialletter',
            name='outcome',
            field=models.JSONField(blank=True, default=dict, editable=False, verbose_name='outcome'),
        ),
    ]
