"""Every declaration is complete: both languages, known code lists, known references."""

from __future__ import annotations

import re

import pytest

from schemas import describe, forms
from schemas.catalogue import KINDS, NewerSchema, UnknownKind, extended, kind_of, kinds, upcast
from schemas.codes import all_lists
from schemas.fields import Code, Declared, Keyed, Moment, Month, Ref
from schemas.kind import GROUPS, Kind
from schemas.labels import Label
from schemas.messages import MESSAGES
from tests.schemas.samples import ID, Pet

HAN = re.compile(r"[\u4e00-\u9fff]")
SYSTEM = {"user", "record", "change", "conflict"}


def every_field(kind: type[Kind]) -> dict[str, Declared]:
    """Return fields and the members of keyed entries."""
    found = dict(kind.declared())
    for name, field in kind.declared().items():
        if isinstance(field, Keyed):
            found |= {f"{name}.{inner}": one for inner, one in field.entry_fields.items()}
    return found


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.info.name)
def test_every_kind_is_complete(kind: type[Kind]) -> None:
    info = kind.info
    labels: list[Label] = [info.label]
    for name, field in every_field(kind).items():
        labels.append(field.label)
        if isinstance(field, Code):
            assert field.codes_name in all_lists(), name
        if isinstance(field, Ref):
            assert field.kind in KINDS or field.kind in SYSTEM, name
        if isinstance(field, Keyed) and field.keys_name:
            assert field.keys_name in all_lists(), name
    for label in labels:
        assert HAN.search(label.zh)
        assert label.en
        assert not HAN.search(label.en)
    assert info.group in GROUPS
    assert describe.columns(kind) or info.name in ("seen", "notice_read")
    for path in info.title:
        assert path.split(".")[0] in kind.declared()
    assert describe.json_schema(kind)["required"]


def test_every_code_and_message_speaks_both_languages() -> None:
    for codes in all_lists().values():
        assert len({item.code for item in codes.items}) == len(codes.items), codes.name
        for item in codes.items:
            assert HAN.search(item.label.zh), (codes.name, item.code)
            assert not HAN.search(item.label.en), (codes.name, item.code)
    for label in MESSAGES.values():
        assert HAN.search(label.zh)
        assert not HAN.search(label.en.replace("“", "").replace("”", ""))


def test_what_the_law_asks_to_leave_out_is_left_out() -> None:
    names = {name for kind in kinds() for name in every_field(kind)}
    assert not names & {"religion", "marital", "ethnic", "education", "income", "id_photo"}


def test_personal_fields_are_declared_so() -> None:
    resident, care = kind_of("resident").declared(), kind_of("care").declared()
    assert {resident[n].privacy for n in ("name", "phone", "guardian")} == {"personal"}
    assert resident["id_no"].privacy == care["cats"].privacy == "sensitive"


def test_a_kind_can_be_added_and_is_gone_afterwards() -> None:
    with extended(Pet):
        assert kind_of("pet") is Pet
        with pytest.raises(ValueError, match="exists"), extended(Pet):
            pass
    with pytest.raises(UnknownKind):
        kind_of("pet")


def test_fields_of_a_newer_version_are_not_guessed_at() -> None:
    with pytest.raises(NewerSchema):
        upcast("household", 99, {})
    assert upcast("household", 1, {"code": "1"}) == {"code": "1"}


def test_a_form_reads_back_what_it_showed() -> None:
    stored = {
        "nickname": "阿黄", "species": "2", "age": 3, "owner": "林示例",
        "feedings": {"a": {"note": "两餐"}},
    }  # fmt: skip
    posted: dict[str, list[str]] = {}
    for control in forms.controls(Pet, stored, "zh", new_keys={"feedings": ["new1"]}):
        inner = [one for entry in control.entries for one in entry[2]] or [control]
        for one in inner:
            posted[one.name] = [] if one.value is None else [str(one.value)]
    assert "feedings.new1.note" in posted
    assert forms.read(Pet, lambda name: posted[name], list(posted)) == stored


def test_a_checklist_offers_every_item_in_order() -> None:
    patrol = kind_of("patrol")
    items = next(c for c in forms.controls(patrol, {}, "en") if c.name == "items")
    assert [key for key, _, _ in items.entries] == [
        item.code for item in all_lists()["CHECK_ITEM"].items
    ]
    assert items.entries[0][1] == "Refuse and cleanliness"


def test_codes_and_levels_are_shown_in_words() -> None:
    item, level = (
        kind_of(kind).declared()[name]
        for kind, name in (("issue", "source_item"), ("issue_step", "resolved_level"))
    )
    assert item.show("ebike", "zh") == "电动车飞线充电"
    assert [level.show(one, "zh") for one in (None, 0, 3)] == ["", "小区内", "三级（街道）"]
    assert level.show(0, "en") == "Inside the compound"


def test_a_title_follows_references() -> None:
    store = {
        ("room", ID.format(2)): {"label": "3-1-502", "building_id": ID.format(3)},
        ("building", ID.format(3)): {"no": "3", "compound_id": ID.format(4)},
        ("compound", ID.format(4)): {"name": "幸福里"},
    }
    household = {"room_id": ID.format(2)}
    fetch = lambda kind, record_id: store.get((kind, record_id))  # noqa: E731
    assert describe.title(kind_of("household"), household, "zh", fetch) == "幸福里 3-1-502"
    assert describe.title(kind_of("household"), {}, "zh", fetch) == ""


def test_a_form_s_local_time_is_shanghai_time() -> None:
    moment = Moment("时间", "At")
    for text in ("2026-09-30T08:41", "2026-09-30 08:41", "２０２６-09-30T08:41:00"):
        assert moment.from_form([text]) == "2026-09-30T08:41:00+08:00"
    assert moment.from_form(["2026-09-30T08:41:07+09:00"]) == "2026-09-30T08:41:07+09:00"
    assert moment.from_form(["下午"]) == "下午"
    assert moment.from_form([""]) is None


def test_a_month_is_read_as_people_write_it() -> None:
    month = Month("出生年月", "Birth month")
    for text in (
        "1951-04",
        "1951年4月",
        "1951.4",
        "1951/04",
        "195104",
        "１９５１年０４月 ",
        "1951年4",
    ):
        assert month.from_form([text]) == "1951-04", text
    assert month.from_form(["1951年13月"]) == "1951-13"  # refused as a month, not read as another
    for text in ("51年4月", "1951", "4月", "19510412"):
        assert month.from_form([text]) == text
    assert month.from_form([" "]) is None
