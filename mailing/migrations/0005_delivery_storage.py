"""PostgreSQL: leave room in each page of deliveries, which are updated twice each (claim, outcome)."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STORAGE = "fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05"


def leave_room(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE mailing_delivery SET ({STORAGE})")


class Migration(migrations.Migration):
    dependencies = [("mailing", "0004_attempt_cut_short")]
    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop)]
