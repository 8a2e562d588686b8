"""How a run stands is told by when a letter was decided last, not by who holds its lease."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0013_three_ends_of_a_run'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='decided_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last letter decided at'),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='status',
            field=models.CharField(choices=[('running', 'not over'), ('succeeded', 'succeeded'), ('partly', 'partly'), ('failed', 'failed'), ('missed', 'missed')], default='running', max_length=10, verbose_name='status'),
        ),
    ]
