"""Former addresses of a client are remembered; runs whose deliveries are no longer kept name nobody any more.

Examples of refused addresses used to outlive the deliveries for good.
"""

import re

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Exists, OuterRef

WORD = re.compile(r"[^\s<>()\[\]\"',;:…]+")
AT = re.compile(".(?:@|%40).", re.IGNORECASE)


class AddColumn(migrations.AddField):
    """SQLite can add a column with a constant default at once; Django would copy the table, and lose its triggers."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        BaseDatabaseSchemaEditor.add_field(schema_editor, model, model._meta.get_field(self.name))


def unname(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    alias = schema_editor.connection.alias
    attempts = apps.get_model("mailing", "Attempt").objects.using(alias)
    deliveries = apps.get_model("mailing", "Delivery").objects.using(alias)
    kept = Exists(deliveries.filter(attempt=OuterRef("pk")))
    purged = attempts.filter(~kept, finished_at__isnull=False).exclude(reasons=[])
    for attempt in purged.only("pk", "response", "reasons").iterator(chunk_size=500):
        attempt.response = blanked(attempt.response)
        for group in attempt.reasons:
            group |= {"examples": [], "response": blanked(group.get("response", ""))}
        attempt.save(update_fields=["response", "reasons"])


def blanked(text: str) -> str:
    return WORD.sub(lambda word: "…" if AT.search(word[0]) else word[0], text)


class Migration(migrations.Migration):
    dependencies = [("mailing", "0004_bodies_prepared_and_deaths_counted")]

    operations = [
        AddColumn(
            model_name="client",
            name="former_emails",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, verbose_name="former addresses"
            ),
        ),
        migrations.RunPython(unname, migrations.RunPython.noop),
    ]
