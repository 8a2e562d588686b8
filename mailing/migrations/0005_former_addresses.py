"""Former addresses of a client are remembered; old runs and the journal name nobody any more who is gone.

Examples of refused addresses used to outlive the deliveries for good, names in the journal their clients.
"""

import re

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import CharField, Exists, F, OuterRef, Value
from django.db.models.functions import Cast, Concat

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


def unname_journal(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Of clients who were deleted the journal keeps the number, no name."""
    alias = schema_editor.connection.alias
    kinds = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    clients = apps.get_model("mailing", "Client").objects.using(alias)
    here = clients.annotate(key=Cast("pk", CharField())).values("key")
    about = kinds.filter(app_label="mailing", model="client").values("pk")
    entries = apps.get_model("admin", "LogEntry").objects.using(alias).filter(content_type__in=about)
    gone = entries.filter(object_id__isnull=False).exclude(object_id__in=here)
    gone.update(object_repr=Concat(Value("№ "), F("object_id")), change_message="")


def blanked(text: str) -> str:
    return WORD.sub(lambda word: "…" if AT.search(word[0]) else word[0], text)


class Migration(migrations.Migration):
    dependencies = [
        ("mailing", "0004_bodies_prepared_and_deaths_counted"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        AddColumn(
            model_name="client",
            name="former_emails",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, verbose_name="former addresses"
            ),
        ),
        migrations.RunPython(unname, migrations.RunPython.noop),
        migrations.RunPython(unname_journal, migrations.RunPython.noop),
    ]
