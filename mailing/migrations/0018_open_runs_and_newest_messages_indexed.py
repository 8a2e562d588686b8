"""Every page counts the runs that are not over, and lists offer the newest messages: both went through all letters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailing", "0017_what_may_be_undone"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["status", "-started_at", "-id"], name="attempt_by_status"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["-updated_at", "-id"], name="message_by_changed"),
        ),
    ]
