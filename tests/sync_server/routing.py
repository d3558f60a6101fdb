"""Whether one shard can answer a statement: it names the district of every table it touches.

Looked at is SQLAlchemy's own tree of the statement, not its text. In each SELECT, UPDATE and
DELETE, sub-queries too, every table that is distributed must have its ``district`` equal to a
value, or to the ``district`` of a table for which that holds, in a condition all rows have to meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, Grouping

from sync_server.store.tables import metadata

DISTRIBUTED = {
    name: table
    for name, table in metadata.tables.items()
    if "district" in table.primary_key.columns
}
NAMED = re.compile(
    r"\b(?:from|join|into|update|only)\s+\"?(" + "|".join(DISTRIBUTED) + r")\b", re.IGNORECASE
)


class Watch:
    """Keeps every different statement an engine runs, and says which could not be routed."""

    def __init__(self, engine: sa.Engine) -> None:
        self.statements: dict[str, Any] = {}
        self._engine = engine

    def __enter__(self) -> Watch:
        sa.event.listen(self._engine, "before_execute", self._see)
        sa.event.listen(self._engine, "before_cursor_execute", self._see_raw)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self._engine, "before_execute", self._see)
        sa.event.remove(self._engine, "before_cursor_execute", self._see_raw)

    def _see(self, _c: Any, statement: Any, many: Any, params: Any, _o: Any) -> None:
        if isinstance(statement, sa.Insert):
            given = set(params) | {name for one in many for name in one}
            self.statements[f"{statement.table.name} {sorted(given)}"] = (statement, given)
        elif isinstance(statement, sa.ClauseElement):
            self.statements[str(statement)] = (statement, set())

    def _see_raw(self, _c: Any, _u: Any, text: str, _p: Any, context: Any, _m: bool) -> None:
        if context is None or context.compiled is None:
            self.statements[text] = (text, set())

    def astray(self) -> list[str]:
        """Return what could not be routed, each with the tables that have no district."""
        found = []
        for text, (statement, given) in self.statements.items():
            if loose := sorted(loose_tables(statement, given)):
                found.append(f"{', '.join(loose)}: {' '.join(text.split())}")
        return found


def loose_tables(statement: Any, given: set[str] | None = None) -> set[str]:
    """Return the distributed tables of a statement whose district it does not say."""
    if isinstance(statement, str | sa.TextClause):
        text = str(statement)
        return set() if re.search(r"\bdistrict\b", text) else set(NAMED.findall(text))
    loose: set[str] = set()
    if isinstance(statement, sa.Insert):
        said = (given or set()) | {getattr(c, "name", str(c)) for c in statement._values or {}}
        for row in statement._multi_values or ():
            for part in row:
                said |= {getattr(name, "name", name) for name in part}
        named = statement.select is not None and "district" in (statement._select_names or ())
        if statement.table.name in DISTRIBUTED and "district" not in said and not named:
            loose.add(statement.table.name)
    return loose | _loose_within(statement, frozenset())


def _loose_within(part: Any, around: frozenset[int]) -> set[str]:
    """Return the tables without a district of a part and of all below it; ``around`` are the tables
    of the statements it stands in, which it may speak of without reading them anew."""
    found: set[str] = set()
    if isinstance(part, sa.Subquery | sa.CTE):
        around = frozenset()  # what stands in a FROM sees nothing of its neighbours
    elif isinstance(part, sa.Select):
        clauses = part.get_final_froms()
        froms = [one for clause in clauses for one in _plain(clause) if id(one) not in around]
        found |= _loose(froms, [part.whereclause, *_joined(clauses)])
        around |= {id(one) for one in froms}
    elif isinstance(part, sa.Update | sa.Delete):
        found |= _loose([part.table], [part.whereclause])
        around |= {id(part.table)}
    for below in part.get_children():
        found |= _loose_within(below, around)
    return found


def _loose(froms: list[Any], conditions: list[Any]) -> set[str]:
    mine = [one for one in froms if _name(one) in DISTRIBUTED]
    said = {id(one): False for one in mine}
    pairs: list[tuple[int, int]] = []
    for left, right in _equalities(conditions):
        for one, other in ((left, right), (right, left)):
            table = _district_of(one)
            if table is None or id(table) not in said:
                continue
            far = _district_of(other)
            if far is not None and id(far) in said:
                pairs.append((id(table), id(far)))
            elif far is not None or isinstance(other, BindParameter):
                said[id(table)] = True  # a value, or the district of a statement around this one
    for _ in pairs:
        for one, other in pairs:
            said[one] = said[other] = said[one] or said[other]
    return {_name(one) for one in mine if not said[id(one)]}


def _plain(clause: Any) -> Iterator[Any]:
    """Give the tables, or sub-queries, of a FROM clause without its joins."""
    if isinstance(clause, sa.Join):
        yield from _plain(clause.left)
        yield from _plain(clause.right)
    else:
        yield clause


def _joined(froms: Any) -> Iterator[Any]:
    for clause in froms:
        if isinstance(clause, sa.Join):
            yield clause.onclause
            yield from _joined([clause.left, clause.right])


def _equalities(conditions: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Give both sides of the equalities every row has to meet."""
    for condition in conditions:
        if isinstance(condition, Grouping):
            yield from _equalities([condition.element])
        elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            yield from _equalities(list(condition.clauses))
        elif isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            yield condition.left, condition.right


def _district_of(side: Any) -> Any:
    """Return the table whose district one side of a condition is, or None."""
    if isinstance(side, sa.Column | sa.ColumnClause) and side.name == "district":
        return side.table
    return None


def _name(clause: Any) -> str:
    """Return the name of the table behind a FROM, its alias left aside."""
    while isinstance(clause, sa.Alias | sa.TableSample):
        clause = clause.element
    return clause.name if isinstance(clause, sa.Table) else ""
