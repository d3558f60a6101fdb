"""The short way to a yes: what a schema of declared fields accepts, by itself.

Compiled once from a schema's own declaration, for every kind alike. It runs the declared fields'
checks themselves, so what it accepts and what it gives back is what ``Schema.load`` accepts and
gives back (property-tested over every kind). Whatever it does not accept it says nothing about:
marshmallow then decides, and finds the words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, missing

from schemas.fields.base import Declared, Plain, Quick
from schemas.messages import Problem

_MISSING = object()


class Accepted(NamedTuple):
    """Loaded fields in declared order, and what is doubtful about them, as (field, doubt)."""

    fields: dict[str, Any]
    doubts: tuple[tuple[str, Problem], ...] = ()


class _Step(NamedTuple):
    name: str
    field: Declared
    quick: Quick | Plain | None


class Accepter:
    """A schema's fields, compiled to one function for whole records and one for entries of lists.

    The functions are written out field by field: what a loop over fields costs is most of what
    there is to save.
    """

    def __init__(self, steps: Sequence[_Step]) -> None:
        self._record = _written(steps, entry=False)
        self.entry: Callable[[Mapping[str, Any]], dict[str, Any] | None] = _written(
            steps, entry=True
        )
        """Returns an entry's loaded fields without the empty ones; None: not accepted, or not
        without a doubt."""

    def accept(self, data: Mapping[str, Any], *, partial: bool = False) -> Accepted | None:
        """Return what ``Schema.load`` would return for ``data``; None: ask it.

        ``partial``: required fields may be missing.
        """
        found = self._record(data, partial)
        return None if found is None else Accepted(*found)


def _written(steps: Sequence[_Step], *, entry: bool) -> Callable[..., Any]:
    """Return the function of these fields: ``entry`` as of ``Accepter.entry``, else (data, partial)
    -> (fields, doubts) or None."""
    names: dict[str, Any] = {"MISSING": _MISSING, "ValidationError": ValidationError}
    lines = ["def accept(data, partial=False):", "  found, known, doubts = {}, 0, ()"]
    lines += ["  get = data.get", "  try:"]
    for place, step in enumerate(steps):
        lines += [f"    {line}" for line in _lines(place, step, names, entry)]
    lines += ["  except ValidationError:", "    return None"]
    lines += ["  if known != len(data):", "    return None"]  # a field nobody declared
    lines += ["  return found" if entry else "  return found, doubts"]
    exec("\n".join(lines), names)
    made: Callable[..., Any] = names["accept"]
    return made


def _lines(place: int, step: _Step, names: dict[str, Any], entry: bool) -> list[str]:
    """Write out how one field is asked; what it needs is added to ``names``."""
    field, key = step.field, repr(step.name)
    names |= {f"check{place}": field.check, f"doubts{place}": field.doubts}
    empty = "pass" if entry else f"found[{key}] = None"
    doubtful = f"doubts += tuple(({key}, one) for one in doubts{place}(good))"
    lines = [f"value = get({key}, MISSING)", "if value is not MISSING:", "  known += 1"]
    lines += ["  if value is None:", f"    {empty}" if field.allow_none else "    return None"]
    if isinstance(step.quick, Plain):
        given = {name: f"{name}{place}" for name in step.quick.names}
        names |= {given[name]: value for name, value in step.quick.names.items()}
        lines += [f"  elif {step.quick.words.format(**given)}:", f"    found[{key}] = value"]
        lines += ["  else:", f"    good = check{place}(value)"]
    elif step.quick is not None:
        names[f"quick{place}"] = step.quick
        lines += [f"  elif (good := quick{place}(value)) is not None:", f"    found[{key}] = good"]
        lines += ["  else:", f"    good = check{place}(value)"]
    else:
        lines += ["  else:", f"    good = check{place}(value)"]
    if field.required:
        lines += ["    if good is None:", "      return None"]
    if entry:
        lines += [
            "    if good is not None:",
            f"      if doubts{place}(good):",
            "        return None",
        ]
        lines += [f"      found[{key}] = good"]
    else:
        lines += [f"    found[{key}] = good", "    if good is not None:", f"      {doubtful}"]
    if field.required:
        lines += ["else:" if entry else "elif not partial:", "  return None"]
    return lines


def compiled(schema: Schema) -> Accepter | None:
    """Return the schema compiled; None when it does more than its declared fields do."""
    cls = type(schema)
    if cls.load is not Schema.load or cls._do_load is not Schema._do_load:
        return None
    if cls._deserialize is not Schema._deserialize or any(schema._hooks.values()):
        return None
    if schema.unknown != "raise" or schema.many or schema.partial or schema.dict_class is not dict:
        return None
    if schema.load_fields.keys() != schema.fields.keys():
        return None
    steps = [_step(name, field) for name, field in schema.load_fields.items()]
    plain = [step for step in steps if step is not None]
    return Accepter(plain) if len(plain) == len(steps) else None


def _step(name: str, field: Any) -> _Step | None:
    """Return how one field is asked; None when more than its ``check`` decides about it."""
    if not isinstance(field, Declared):
        return None
    for way in ("deserialize", "_deserialize", "_validate_missing", "_validate"):
        if getattr(type(field), way) is not getattr(Declared, way):
            return None
    if field.validators or field.pre_load or field.post_load:
        return None
    if field.data_key is not None or field.attribute is not None or "." in name:
        return None
    if field.load_default is not missing:
        return None
    quick = field.quick() if _speaks_for_itself(type(field)) else None
    return _Step(name, field, quick)


def _speaks_for_itself(cls: type[Declared]) -> bool:
    """Whether a field's ``quick`` was written knowing its ``check`` and its ``doubts``.

    One that was inherited past a newer check would speak for the wrong rule.
    """
    quick = _where(cls, "quick")
    return issubclass(quick, _where(cls, "check")) and issubclass(quick, _where(cls, "doubts"))


def _where(cls: type, name: str) -> type:
    return next(one for one in cls.__mro__ if name in vars(one))
