"""What a retention class empties: all that is declared personal, and nothing that figures need."""

from __future__ import annotations

import pytest

from schemas.catalogue import kind_of, kinds
from schemas.fields import Code, Flag, Keyed, Ref, Refs
from schemas.retention import CLASSES, class_of, emptied, without_personal

WITH_A_CLASS = [kind for kind in kinds() if kind.info.retention is not None]


def test_the_classes_are_those_that_kinds_name() -> None:
    assert {kind.info.retention for kind in WITH_A_CLASS} == {one.name for one in CLASSES}
    assert class_of("people") is CLASSES[0]
    assert class_of("others") is None


@pytest.mark.parametrize("kind", WITH_A_CLASS, ids=lambda kind: kind.info.name)
def test_what_is_personal_goes_and_what_is_counted_stays(kind) -> None:
    gone, fields = set(emptied(kind)), kind.declared()
    for name, field in fields.items():
        members = field.entry_fields.values() if isinstance(field, Keyed) else ()
        if any(one.privacy != "open" for one in (field, *members)):
            assert name in gone
        elif isinstance(field, Code | Flag | Ref | Refs):
            assert name not in gone
    assert set(kind.info.retention_words) <= fields.keys()
    assert kind.info.parent not in gone


def test_what_is_emptied_of_whom() -> None:
    assert set(emptied(kind_of("resident"))) == {
        "name", "birth", "id_no", "phone", "guardian", "move_reason", "consents",
    }  # fmt: skip
    assert set(emptied(kind_of("care"))) == {"cats", "contact", "needs"}
    assert set(emptied(kind_of("correction"))) == {"marked", "words", "reply"}
    assert emptied(kind_of("room")) == ()
    said = {"name": "林示例", "sex": "1", "birth": "1951-04"}
    assert without_personal(kind_of("resident"), said) == {"sex": "1"}
    assert said["name"] == "林示例"
