"""The compiled way says yes to exactly what the declaration accepts, and gives back the same."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError, post_load, pre_load, validates
from marshmallow import fields as ma

from schemas.catalogue import kinds
from schemas.check import check, loaded_by_marshmallow, quick_check
from schemas.fields import (
    Amount,
    AreaCode,
    Code,
    Codes,
    CreditCode,
    Day,
    Declared,
    Flag,
    IdNumber,
    Keyed,
    Line,
    Location,
    Moment,
    Month,
    Paragraph,
    Part,
    Phone,
    Ref,
    Refs,
    Whole,
)  # fmt: skip
from schemas.fields.accept import Accepted, _step, compiled
from schemas.fields.base import Plain, Quick
from schemas.kind import Kind, KindInfo, accepter, instance
from schemas.labels import Label
from tests.schemas.samples import Pet
from tests.schemas.test_check import junk

ID = "01998a00-0000-7000-8000-{:012d}"
CHINESE = st.text("张三丰李四巷楼道·堆放杂物 abc，。3-1-502", min_size=1, max_size=30)
ODD_TEXTS = [
    "", " ", "\n", "a\nb", "a\r\nb", "\ta", "a\t", "　全角", "e\u0301", "ﬁ", "\u0000", "a\x1f",
    "\x1f", "\ud800", "\u200b零宽", "\u2028", "豈", "\U0002f800", "𠮷", "x" * 201, "x" * 4001,
    "１２３", "²", "٣", "null", "1e5",
]  # fmt: skip
ODD_TEXT = st.sampled_from(ODD_TEXTS)
WRONG = junk | ODD_TEXT | st.sampled_from([2**53, 2**53 + 1, -(2**63), 1.0, True, [None], {"": 1}])
ACTIONS = st.sampled_from(["create", "update", "step"])


def good(field: Declared) -> st.SearchStrategy[Any]:
    """Values of the usual shape of a field, nearly all of them accepted."""
    ids = st.integers(0, 20).map(ID.format)
    if isinstance(field, Keyed):
        entry = record(field.entry_fields)
        add = st.dictionaries(st.text("abcXYZ09_.-", min_size=1, max_size=5), entry, max_size=3)
        remove = st.lists(st.text("abcXYZ", min_size=1, max_size=3), max_size=2)
        both = st.fixed_dictionaries({}, optional={"add": add, "remove": remove})
        return st.fixed_dictionaries({"add": add}) | both
    if isinstance(field, Location):
        far = st.integers(-200_000_000, 200_000_000)
        crs = st.sampled_from([*field.systems, "other"])
        return st.fixed_dictionaries({"lat": far, "lon": far, "crs": crs})
    if isinstance(field, Refs):
        return st.lists(ids, max_size=4)
    if isinstance(field, Ref):
        return ids
    if isinstance(field, Code):
        codes = st.sampled_from([item.code for item in field.codes.items])
        return st.lists(codes, max_size=4) if isinstance(field, Codes) else codes
    if isinstance(field, Flag):
        return st.booleans()
    if isinstance(field, Whole):
        edge = st.sampled_from([field.least, field.most, field.least - 1, field.most + 1])
        return st.integers(field.least, field.most) | edge
    if isinstance(field, Amount):
        odd = ["0", "0.00", "4.50", "007", "1.", ".5", "1.234", "-1", "1" * 10, "１", "0.05", 80]
        return st.decimals(0, 10**9, places=2).map(str) | st.sampled_from(odd)
    if isinstance(field, Day):
        return st.dates().map(str) | st.sampled_from(["20260930", "2026-W01-1", "2026-02-30"])
    if isinstance(field, Month):
        return st.sampled_from(["1951-04", "2026-12", "2026-13", "0026-01", "２026-01"])
    if isinstance(field, Moment):
        odd = ["2026-09-30T08:41:00Z", "2026-09-30 08:41:00+08:00", "2026-09-30T08:41:00.1+08:00",
               "2026-09-30T08:41:00.123456", "2026-09-30T08:41:00+08:00:01"]  # fmt: skip
        zones = st.timezones().map(lambda zone: zone)
        return st.datetimes(timezones=zones).map(lambda at: at.isoformat()) | st.sampled_from(odd)
    if isinstance(field, AreaCode):
        return st.text("0123456789", min_size=5, max_size=18)
    if isinstance(field, Phone):
        return st.sampled_from(
            ["13812345678", "021-55512345", "1381234567８", "138 1234 5678", "1"]
        )
    if isinstance(field, IdNumber):
        return st.sampled_from(["11010519491231002X", "11010519491231002x", "110105194912310021"])
    if isinstance(field, CreditCode):
        return st.sampled_from(["91350100M000100Y43", "91350100m000100y43", "1"])
    if isinstance(field, Paragraph):
        return st.lists(CHINESE, min_size=1, max_size=3).map("\n".join)
    assert isinstance(field, Line), field
    return CHINESE


def near(field: Declared) -> st.SearchStrategy[Any]:
    """Good values, and what is a little or altogether wrong with them."""
    plain = good(field)
    bent = plain.map(_bent)
    listed = plain.map(lambda value: value * 2 if isinstance(value, list) else [value])
    return st.one_of(plain, plain, plain, bent, listed, st.none(), WRONG)


def _bent(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFD", f" {value}\n")
    if isinstance(value, dict):
        return {**value, "extra": None}
    return str(value)


def record(declared: dict[str, Declared]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of these fields: all that are required, some of the others."""
    needed = {name: near(field) for name, field in declared.items() if field.required}
    others = {name: near(field) for name, field in declared.items() if not field.required}
    return st.fixed_dictionaries(needed, optional=others)


def by_marshmallow(kind: type[Kind], action: Any, fields: Any) -> Accepted | None:
    try:
        return loaded_by_marshmallow(kind, action, fields)
    except ValidationError:
        return None


def agree(kind: type[Kind], action: Any, fields: dict[str, Any]) -> bool:
    """Assert that both ways say the same; return whether they said yes."""
    compiled_kind = accepter(kind)
    assert compiled_kind is not None
    quick = compiled_kind.accept(fields, partial=action == "update")
    slow = by_marshmallow(kind, action, fields)
    assert repr(quick) == repr(slow)  # repr: the order of fields, and True is not 1
    return quick is not None


@pytest.mark.parametrize("kind", [*kinds(), Pet], ids=lambda kind: kind.info.name)
def test_both_ways_accept_the_same_and_give_the_same(kind):
    fields = record(kind.declared()) | st.dictionaries(
        st.sampled_from([*kind.declared(), "nonsense"]), WRONG, max_size=6
    )

    @settings(max_examples=15, deadline=None)
    @given(ACTIONS, fields, st.dictionaries(st.text(max_size=3), st.just(1), max_size=1))
    def compare(action, some, extra):
        agree(kind, action, some)
        agree(kind, action, some | extra)

    compare()


PLACES = [(kind, name) for kind in kinds() for name in kind.declared()]


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PLACES), st.data())
def test_each_field_alone_is_judged_alike(place, data):
    kind, name = place
    field = kind.declared()[name]
    value = data.draw(near(field))
    agree(kind, "update", {name: value})
    judged_alike(field, short_word(name, field), value)


def short_word(name: str, field: Declared) -> Quick | None:
    """Return the short way to a field's check as the compiled kind takes it."""
    step = _step(name, field)
    assert step is not None
    return step.quick.function() if isinstance(step.quick, Plain) else step.quick


def judged_alike(field: Declared, quick: Quick | None, value: Any) -> None:
    """Assert that the short word about a value, if there is one, is what its check says."""
    short = quick(value) if quick is not None and value is not None else None
    if short is not None:
        assert (repr(short), field.doubts(short)) == (repr(field.check(value)), [])


EDGES = [
    *ODD_TEXTS, "a\n ", "x" * 200, "x" * 4000, *("1" * size for size in range(1, 19)), "１" * 12,
    0, 1, -1, 2**53, -(2**53), 1.0, True, False, [], {}, [[]], "20260930", "2026-W01-1",
    "2026-02-30", "2026-09-30T08:41:00Z", "2026-09-30T08:41:00.000000+08:00",
    "2026-09-30 08:41:00+08:00", "2026-09-30T08:41:00.123456", "2026-09-30T08:41:00+08:00",
    "2026-09-30T08:41:00-00:00", "1381234567８", "13812345678", ID.format(1).upper(), ID.format(1),
    ID.format(1) + "\n", [ID.format(1)] * 2, [ID.format(1), 1], [ID.format(1), "x"],
    [ID.format(number) for number in range(201)], {"add": {}}, {"remove": ["a"]}, {"add": []},
]  # fmt: skip


def edges(field: Declared) -> list[Any]:
    """The values just inside and outside of what a field takes."""
    if isinstance(field, Keyed):
        entry = {name: usual(one) for name, one in field.entry_fields.items() if one.required}
        many = {f"k{number}": entry for number in range(201)}
        return [{"add": {"a": entry}, "remove": ["b"]}, {"add": {"a": entry}, "more": 1},
                {"add": {"a b": entry}}, {"add": {"a": {}}}, {"add": many}]  # fmt: skip
    if isinstance(field, Whole):
        return [field.least, field.most, field.least - 1, field.most + 1]
    if isinstance(field, Code):
        codes = [item.code for item in field.codes.items]
        return [codes[0], codes, codes[::-1], codes[:1] * 2, [*codes, "nonsense"], codes * 61]
    return []


def usual(field: Declared) -> Any:
    """Return one value for a field of an entry that has to be there."""
    values = [*edges(field), *EDGES]
    return next(one for one in values if _taken(field, one) is not None)


def _taken(field: Declared, value: Any) -> Any:
    try:
        return field.check(value)
    except ValidationError:
        return None


def test_what_lies_at_the_edge_of_a_field_is_judged_alike():
    for kind, name in PLACES:
        field = kind.declared()[name]
        quick = short_word(name, field)
        for value in [*EDGES, *edges(field)]:
            try:
                judged_alike(field, quick, value)
            except (AssertionError, ValidationError) as error:
                raise AssertionError(f"{kind.info.name}.{name}: {value!r:.80}") from error


def test_a_quick_check_is_the_check_wherever_it_speaks():
    @settings(max_examples=25, deadline=None)
    @given(
        st.sampled_from(kinds()), st.sampled_from(["create", "update", "step", "void"]), st.data()
    )
    def compare(kind, action, data):
        fields = data.draw(record(kind.declared()) | st.just({"reason": "x"}))
        quick = quick_check(kind, action, fields)
        assert quick is None or quick == check(kind, action, fields)

    compare()


class Called(Part):
    """An entry that has to say something."""

    note = Line("说明", "Note", required=True)
    phone = Phone("电话", "Phone")


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        ({"note": "x", "phone": "13812345678"}, {"note": "x", "phone": "13812345678"}),
        ({"note": "x", "phone": None}, {"note": "x"}),
        ({"phone": "13812345678"}, None),
        ({"note": None}, None),
        ({"note": " "}, None),
        ({"note": "x", "phone": "1"}, None),  # accepted, but with a doubt that has to be told
        ({"note": "x", "more": 1}, None),
        ("x", None),
    ],
)
def test_an_entry_of_a_list_is_taken_when_it_is_whole_and_nothing_is_doubtful(entry, taken):
    quick = Keyed("来电", "Calls", Called).quick()
    assert quick({"add": {"a": {"note": "y"}, "b": entry}}) == (
        None if taken is None else {"add": {"a": {"note": "y"}, "b": taken}}
    )


INFO = KindInfo("odd", Label("怪", "Odd"), "people", ("name",))


def declared_with(**members: Any) -> type[Kind]:
    """Return a kind with one line and these further members."""
    return type("Odd", (Kind,), {"info": INFO, "name": Line("名", "Name"), **members})


def line_with(**members: Any) -> Line:
    """Return a line with these further settings of marshmallow's."""
    line = Line("多", "More")
    vars(line).update(members)
    return line


class Own(Line):
    """A line that is loaded in a way of its own."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return "other"


@pytest.mark.parametrize(
    "members",
    [
        {"Meta": type("Meta", (Kind.Meta,), {"unknown": "exclude"})},
        {"more": line_with(validators=[lambda value: None])},
        {"more": line_with(data_key="other")},
        {"more": line_with(attribute="other")},
        {"more": line_with(load_default="x")},
        {"more": Own("多", "More")},
        {"more": pre_load(lambda self, data, **_: data)},
        {"more": post_load(lambda self, data, **_: data)},
        {"more": validates("name")(lambda self, value, **_: None)},
        {"load": lambda self, data, **_: {}},
        {"age": ma.Integer()},
    ],
)
def test_a_kind_that_does_more_than_its_fields_is_left_to_marshmallow(members):
    kind = declared_with(**members)
    assert compiled(instance(kind)) is None
    assert accepter(declared_with()) is not None


class Shout(Line):
    """A line whose check was written after ``quick``."""

    def check(self, value: Any) -> Any:
        """In capitals."""
        return super().check(value).upper()


class Doubted(Line):
    """A line that is always doubted."""

    def doubts(self, value: Any) -> list[Any]:
        """Whatever it says."""
        return ["odd"]


def test_a_newer_check_is_not_passed_over_by_an_older_short_word():
    kind = declared_with(loud=Shout("喊", "Loud"), doubted=Doubted("疑", "Doubted"))
    found = accepter(kind).accept({"loud": "abc", "doubted": "abc"})
    assert found == ({"loud": "ABC", "doubted": "abc"}, (("doubted", "odd"),))
