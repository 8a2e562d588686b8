"""Many rows at once, without loading one of them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.models import Field, Model, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast


def insert_select(model: type[Model], rows: QuerySet[Any], **values: Any) -> int:
    """One INSERT … SELECT; returns how many are new. Rows that a unique constraint forbids are left out.

    `values`: for each field what it gets, an expression over `rows` (`F("email")`) or the same value for all.
    """
    fields = {field.name: field for field in model._meta.concrete_fields}
    chosen = {f"inserted_{name}": _expression(value, fields[name]) for name, value in values.items()}
    using = router.db_for_write(model)
    connection = connections[using]
    try:
        query = rows.order_by().annotate(**chosen).values_list(*chosen).query
        select, params = query.get_compiler(using).as_sql()
    except EmptyResultSet:
        return 0
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(fields[name].column)) for name in values)
    with connection.cursor() as cursor:
        # "WHERE true" is for SQLite, whose parser would take ON CONFLICT for a join condition.
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({columns})"
            f" SELECT * FROM ({select}) AS chosen WHERE true ON CONFLICT DO NOTHING",
            params,
        )
        return int(cursor.rowcount)


def _expression(value: Any, field: Field[Any, Any]) -> Combinable:
    """PostgreSQL takes a bare NULL of a subquery for a text."""
    if isinstance(value, Combinable):
        return value
    return Cast(Value(None), field) if value is None else Value(value, field)
