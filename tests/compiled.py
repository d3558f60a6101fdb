"""What a run of tests compiles once instead of for each app and store it makes. No outcome depends
on it: what is compiled follows from what it is compiled of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


def routes_once(patch: pytest.MonkeyPatch) -> None:
    """Compile what builds the addresses of a route once, not once for each app."""
    built: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}
    compile_builder = Rule._compile_builder

    def kept(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, append_unknown, *rule._trace, str(rule.defaults))
        if key not in built:
            built[key] = compile_builder(rule, append_unknown)
        return built[key]

    patch.setattr(Rule, "_compile_builder", kept)


def statements_once(patch: pytest.MonkeyPatch) -> None:
    """Compile each statement once, not once for each store: what a dialect makes of one depends on
    the kind of database alone, and all servers of a run are of one version."""
    compiled: dict[str, object] = {}
    create_engine = sa.create_engine

    def sharing(*args: Any, **kwargs: Any) -> sa.Engine:
        engine = create_engine(*args, **kwargs)
        engine._compiled_cache = compiled.setdefault(engine.name, LRUCache(5000))
        return engine

    patch.setattr(sa, "create_engine", sharing)
    patch.setattr(Dialect, "__eq__", lambda one, other: type(one) is type(other))
    patch.setattr(Dialect, "__hash__", lambda one: hash(type(one)))
