"""Reading and writing imports, their rows, and the columns remembered for files of a shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.import_tables import import_columns, import_rows, imports
from sync_server.store.scope import chunks
from sync_server.store.tables import changes, records

Row = Mapping[str, Any]
AT_WORK = ("reading", "checking", "running", "undoing")


def add(connection: sa.Connection, values: Row) -> None:
    """Add an import."""
    connection.execute(sa.insert(imports), dict(values))


def get(connection: sa.Connection, district: str, import_id: str) -> Row | None:
    """Return one import, or None."""
    wanted = sa.select(imports).where(*_this(district, import_id))
    row = connection.execute(wanted).mappings().first()
    return dict(row) if row else None


def change(connection: sa.Connection, district: str, import_id: str, **values: Any) -> None:
    """Write what is new about an import."""
    connection.execute(sa.update(imports).where(*_this(district, import_id)).values(**values))


def move(
    connection: sa.Connection,
    district: str,
    import_id: str,
    sources: Collection[str],
    **values: Any,
) -> bool:
    """Write what is new about an import if it is in one of these states; return whether it was."""
    moved = connection.execute(
        sa.update(imports)
        .where(*_this(district, import_id), imports.c.state.in_(sorted(sources)))
        .values(**values)
    )
    return bool(moved.rowcount)


def page(
    connection: sa.Connection, district: str, areas: tuple[str, ...], *, start: int, size: int
) -> tuple[list[Row], int]:
    """Return a page of the imports made for areas inside ``areas``, newest first, and their
    number. Few enough are made to look through them here."""
    query = (
        sa.select(imports)
        .where(imports.c.district == district, imports.c.state != "dropped")
        .order_by(imports.c.made_at.desc(), imports.c.import_id.desc())
    )
    mine: list[Row] = [
        dict(row)
        for row in connection.execute(query).mappings()
        if all(any(code.startswith(one) for one in areas) for code in row["scope_codes"])
    ]
    return mine[start : start + size], len(mine)


def claim(
    connection: sa.Connection, district: str, worker: str, now: datetime, until: datetime, *,
    only: str | None = None,
) -> Row | None:  # fmt: skip
    """Take up the import that waits longest for work and that nobody holds (``only``: this one);
    None: there is none."""
    free = sa.or_(
        imports.c.leased_until.is_(None),
        imports.c.leased_until < now,
        imports.c.worker == worker,
    )
    named = sa.true() if only is None else imports.c.import_id == only
    wanted = (
        sa.select(imports.c.import_id)
        .where(imports.c.district == district, imports.c.state.in_(AT_WORK), free, named)
        .order_by(imports.c.made_at, imports.c.import_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    import_id = connection.execute(wanted).scalar()
    if import_id is None:
        return None
    change(connection, district, import_id, worker=worker, leased_until=until)
    return get(connection, district, import_id)


def hold(connection: sa.Connection, district: str, row: Row, until: datetime) -> bool:
    """Keep an import as it was claimed to the end of this transaction; return whether it still
    stands so: nobody else has taken it up, moved it on, or begun it anew since."""
    held = connection.execute(
        sa.update(imports)
        .where(
            *_this(district, row["import_id"]),
            imports.c.state == row["state"],
            imports.c.worker == row["worker"],
        )
        .values(leased_until=until)
    )
    if not held.rowcount:
        return False
    stands = get(connection, district, row["import_id"])
    return stands is not None and stands["progress"] == row["progress"]


def waiting(connection: sa.Connection, district: str, only: str | None = None) -> bool:
    """Whether any import (``only``: this one) waits for work, whoever may be at it."""
    named = sa.true() if only is None else imports.c.import_id == only
    wanted = (
        sa.select(sa.literal(1))
        .select_from(imports)
        .where(imports.c.district == district, imports.c.state.in_(AT_WORK), named)
    )
    return connection.execute(wanted.limit(1)).first() is not None


def like(connection: sa.Connection, district: str, row: Row) -> dict[str, int]:
    """Return the last imports of the same sheet of the same file that were read, with how many rows
    each has, the newest first."""
    wanted = (
        sa.select(imports.c.import_id, imports.c.progress)
        .where(
            imports.c.district == district,
            imports.c.sha256 == row["sha256"],
            imports.c.sheet == row["sheet"],
            imports.c.import_id != row["import_id"],
        )
        .order_by(imports.c.made_at.desc(), imports.c.import_id.desc())
        .limit(5)
    )
    found = {one: int(progress.get("total") or 0) for one, progress in connection.execute(wanted)}
    return {one: total for one, total in found.items() if total}


def older(connection: sa.Connection, district: str, before: datetime) -> list[str]:
    """Return the imports made before a moment that wait for no work."""
    wanted = sa.select(imports.c.import_id).where(
        imports.c.district == district,
        imports.c.made_at < before,
        imports.c.state.not_in(AT_WORK),
    )
    return list(connection.execute(wanted).scalars())


# Rows -------------------------------------------------------------------------------------------


def put_rows(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Add rows."""
    if rows:
        connection.execute(sa.insert(import_rows), [dict(row) for row in rows])


def drop_rows(
    connection: sa.Connection, district: str, import_id: str, numbers: Collection[int] | None = None
) -> None:
    """Delete these rows of an import; None: all."""
    where = [import_rows.c.district == district, import_rows.c.import_id == import_id]
    if numbers is None:
        connection.execute(sa.delete(import_rows).where(*where))
        return
    for some in chunks(numbers):
        connection.execute(sa.delete(import_rows).where(*where, import_rows.c.row.in_(some)))


def rows_numbered(
    connection: sa.Connection, district: str, import_id: str, numbers: Collection[int]
) -> dict[int, Row]:
    """Return these rows of an import by number."""
    found: dict[int, Row] = {}
    for some in chunks(numbers):
        query = sa.select(import_rows).where(
            import_rows.c.district == district,
            import_rows.c.import_id == import_id,
            import_rows.c.row.in_(some),
        )
        found |= {row["row"]: dict(row) for row in connection.execute(query).mappings()}
    return found


def rows_page(
    connection: sa.Connection, district: str, import_id: str, outcomes: Collection[str], *,
    after: int = 0, start: int = 0, size: int, undone: str = "",
) -> list[Row]:  # fmt: skip
    """Return rows of an import with these outcomes in order, after a row number."""
    query = sa.select(import_rows).where(
        import_rows.c.district == district,
        import_rows.c.import_id == import_id,
        import_rows.c.row > after,
    )
    if outcomes:
        query = query.where(import_rows.c.outcome.in_(sorted(outcomes)))
    if undone:
        query = query.where(import_rows.c.undone == undone)
    found = connection.execute(query.order_by(import_rows.c.row).offset(start).limit(size))
    return [dict(row) for row in found.mappings()]


def rows_backwards(
    connection: sa.Connection, district: str, import_id: str, before: int, size: int
) -> list[Row]:
    """Return the last ``size`` rows before a row number that wrote anything and were not undone."""
    query = (
        sa.select(import_rows)
        .where(
            import_rows.c.district == district,
            import_rows.c.import_id == import_id,
            import_rows.c.row < before,
            import_rows.c.undone.is_(None),
            sa.or_(import_rows.c.change_id.is_not(None), import_rows.c.also.is_not(None)),
        )
        .order_by(import_rows.c.row.desc())
        .limit(size)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def set_undone(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Write what undoing made of rows, each with its district, import_id and number."""
    if not rows:
        return
    statement = (
        sa.update(import_rows)
        .where(
            import_rows.c.district == sa.bindparam("key_district"),
            import_rows.c.import_id == sa.bindparam("key_import_id"),
            import_rows.c.row == sa.bindparam("key_row"),
        )
        .values(
            undone=sa.bindparam("new_undone"),
            kept=sa.bindparam("new_kept", type_=import_rows.c.kept.type),
        )
    )
    connection.execute(
        statement,
        [
            {
                "key_district": row["district"], "key_import_id": row["import_id"],
                "key_row": row["row"], "new_undone": row["undone"], "new_kept": row["kept"],
            }
            for row in rows
        ],
    )  # fmt: skip


def set_choices(
    connection: sa.Connection, district: str, import_id: str, choices: Mapping[int, str]
) -> None:
    """Keep what staff chose about rows."""
    for number, choice in choices.items():
        connection.execute(
            sa.update(import_rows)
            .where(
                import_rows.c.district == district,
                import_rows.c.import_id == import_id,
                import_rows.c.row == number,
                import_rows.c.outcome == "likely",
            )
            .values(choice=choice or None)
        )


def rows_keyed(
    connection: sa.Connection, district: str, import_id: str, keys: Collection[str], before: int
) -> dict[str, int]:
    """Return the first row before a number that has each of these keys, unless it was refused."""
    found: dict[str, int] = {}
    for some in chunks(list(keys)):
        query = (
            sa.select(import_rows.c.key, sa.func.min(import_rows.c.row))
            .where(
                import_rows.c.district == district,
                import_rows.c.import_id == import_id,
                import_rows.c.key.in_(some),
                import_rows.c.row < before,
                import_rows.c.outcome != "refused",
            )
            .group_by(import_rows.c.key)
        )
        found |= {key: int(number) for key, number in connection.execute(query)}
    return found


def last_said(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by record what imports last said of each of its fields, as on the wire: by the key of
    the rows that said it, and under an empty key whichever row it was. What was taken back was
    never said."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for some in chunks(list(record_ids)):
        query = (
            sa.select(changes.c.record_id, import_rows.c.key, changes.c.fields, import_rows.c.kept)
            .join(
                import_rows,
                sa.and_(
                    import_rows.c.district == changes.c.district,
                    import_rows.c.change_id == changes.c.change_id,
                ),
            )
            .where(
                import_rows.c.district == district,
                import_rows.c.record_id.in_(some),
                import_rows.c.change_id.is_not(None),
                sa.or_(import_rows.c.undone.is_(None), import_rows.c.undone != "undone"),
                changes.c.action.in_(("create", "update")),
            )
            .order_by(changes.c.received_at, changes.c.change_id)
        )
        for record_id, key, fields, kept in connection.execute(query):
            back = {name for one in kept or () for name in one.get("put_back", ())}
            left = {name: value for name, value in fields.items() if name not in back}
            for by in {"", key or ""}:
                found.setdefault(record_id, {}).setdefault(by, {}).update(left)
    return found


def origin_of(
    connection: sa.Connection, district: str, record_id: str
) -> dict[str, tuple[str, str, int]]:
    """Return by change id which file and row a record's changes came from: import, file, row."""
    query = (
        sa.select(
            import_rows.c.change_id, imports.c.import_id, imports.c.file_name, import_rows.c.row
        )
        .join(
            imports,
            sa.and_(
                imports.c.district == import_rows.c.district,
                imports.c.import_id == import_rows.c.import_id,
            ),
        )
        .where(
            import_rows.c.district == district,
            import_rows.c.record_id == record_id,
            import_rows.c.change_id.is_not(None),
        )
    )
    return {row[0]: (row[1], row[2], int(row[3])) for row in connection.execute(query)}


def any_of_kind(connection: sa.Connection, district: str, kind: str, before: int | None) -> bool:
    """Whether a living record of a kind came before a change number (None: whether any is)."""
    wanted = (
        sa.select(sa.literal(1))
        .select_from(records)
        .where(records.c.district == district, records.c.kind == kind, records.c.voided.is_(False))
    )
    if before is not None:
        wanted = wanted.where(records.c.first_no <= before)
    return connection.execute(wanted.limit(1)).first() is not None


def made_by(
    connection: sa.Connection, district: str, import_id: str, record_ids: Collection[str]
) -> set[str]:
    """Return those of these records that an import made or changed."""
    if not record_ids:
        return set()
    wanted = sa.select(import_rows.c.record_id).where(
        import_rows.c.district == district,
        import_rows.c.import_id == import_id,
        import_rows.c.record_id.in_(sorted(record_ids)),
        import_rows.c.change_id.is_not(None),
    )
    return set(connection.execute(wanted).scalars())


# Columns ----------------------------------------------------------------------------------------


def columns_for(
    connection: sa.Connection, district: str, kind: str, shape: str
) -> dict[str, Any] | None:
    """Return the plan remembered for files of this shape, None when there is none."""
    wanted = sa.select(import_columns.c.plan).where(
        import_columns.c.district == district,
        import_columns.c.kind == kind,
        import_columns.c.shape == shape,
    )
    return connection.execute(wanted).scalar()


def kind_for(connection: sa.Connection, district: str, shape: str) -> str | None:
    """Return the kind that was last chosen for files of this shape."""
    wanted = (
        sa.select(import_columns.c.kind)
        .where(import_columns.c.district == district, import_columns.c.shape == shape)
        .order_by(import_columns.c.set_at.desc())
    )
    return connection.execute(wanted.limit(1)).scalar()


def remember_columns(connection: sa.Connection, values: Row) -> None:
    """Remember the plan of files of a shape in place of the one before."""
    connection.execute(
        sa.delete(import_columns).where(
            import_columns.c.district == values["district"],
            import_columns.c.kind == values["kind"],
            import_columns.c.shape == values["shape"],
        )
    )
    connection.execute(sa.insert(import_columns), dict(values))


def _this(district: str, import_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return imports.c.district == district, imports.c.import_id == import_id
