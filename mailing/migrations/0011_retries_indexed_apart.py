"""The index of repeated deliveries holds those alone, and no entry for each row of every run.

SQLite copies the table for it: 8 s for a million rows.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0010_connections_the_server_allows'),
    ]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='retry_of',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='retried_by', to='mailing.delivery', verbose_name='retry of'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('retry_of__isnull', False)), fields=('retry_of',), name='delivery_retried_once'),
        ),
    ]
