"""PostgreSQL: room in each page of deliveries for the two changes every row goes through, claimed and decided.

In a full page the new version of a row goes elsewhere, and all five indexes point there, too. It is for rows to come;
nothing is rewritten. SQLite changes rows where they are.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def leave_room(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE mailing_delivery SET (fillfactor = 40)")


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE mailing_delivery RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [
        ("mailing", "0015_what_became_of_a_test_letter"),
    ]

    operations = [migrations.RunPython(leave_room, fill)]
