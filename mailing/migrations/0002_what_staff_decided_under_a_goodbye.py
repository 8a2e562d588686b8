from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailing", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="suppression",
            name="manual_note",
            field=models.TextField(blank=True, editable=False, null=True),
        ),
    ]
