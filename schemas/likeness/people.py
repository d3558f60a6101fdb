"""Whether two entries are one person.

Within one household people share surname, phone, room and often a character of the given name, so
there nothing of that counts for much: a name must be the same or be heard as the same, births must
agree, and whoever stands in another relation to the head is somebody else. Twins are two people.
Elsewhere a shared phone is weighed against ages: a father and his son are told apart by them.

The weights were set from what is known of such data (how common names, birthdays, shared phones
are), not fitted to any generated duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import OSA

from schemas.fields.text import IdNumber
from schemas.likeness.names import How, Name, compare, read_name
from schemas.likeness.reasons import Likeness, Weighing

UNKNOWN_SEX = frozenset({"", "0", "9"})
VAGUE_RELATIONS = frozenset({"", "97", "99", "80"})
YOUNGER = frozenset("234")
"""First digits of relations among which twins are found: children and grandchildren."""
SIBLINGS = "7"

APART_PRIOR, HOME_PRIOR = -21.0, -7.0
_APART: dict[How, tuple[float, float]] = {
    "same": (16.5, 12.0), "reordered": (12.0, 6.0), "homophone": (12.0, 7.0),
    "near_sound": (8.0, 3.5), "one_char": (6.5, -4.0), "missing_char": (6.5, 6.5),
    "given_same": (8.0, 0.5), "surname": (-5.0, -5.0), "other": (-9.0, -9.0),
}  # fmt: skip
_HOME: dict[How, tuple[float, float]] = {
    "same": (13.0, 12.0), "reordered": (11.0, 8.0), "homophone": (7.0, 5.5),
    "near_sound": (4.0, 2.0), "one_char": (0.5, -6.0), "missing_char": (2.5, 2.5),
    "given_same": (6.0, 2.0), "surname": (-6.0, -6.0), "other": (-9.0, -9.0),
}  # fmt: skip
"""Bits of each way names agree: for long names, for short ones."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is compared of a person. Places are ids, empty when unknown; ``left``: moved out."""

    name: Name
    sex: str
    births: frozenset[str]
    id_no: str
    phone: str
    relation: str
    guardian: Name | None
    home: str
    room: str
    building: str
    grid: str
    left: bool


def read_person(
    fields: Mapping[str, Any], *, home: str = "", room: str = "", building: str = "", grid: str = ""
) -> Person:
    """Return a resident's stored fields as they are compared, with where the person lives."""
    id_no = str(fields.get("id_no") or "")
    births = {str(fields.get("birth") or "")[:7]}
    if len(id_no) == 18:
        births.add(f"{id_no[6:10]}-{id_no[10:12]}")
    guardian = str(fields.get("guardian") or "")
    return Person(
        name=read_name(str(fields.get("name") or "")),
        sex=str(fields.get("sex") or ""),
        births=frozenset(births - {""}),
        id_no=id_no,
        phone=digits(fields.get("phone")),
        relation=str(fields.get("relation") or ""),
        guardian=read_name(guardian) if guardian else None,
        home=home,
        room=room,
        building=building,
        grid=grid,
        left=bool(fields.get("moved_out_at")),
    )


def digits(phone: Any) -> str:
    """Return a phone's digits."""
    return "".join(char for char in str(phone or "") if char.isdigit())


def keys(person: Person) -> Iterator[str]:
    """Yield what another entry of the same person most likely shares, to find it by."""
    if person.id_no:
        yield f"i:{person.id_no}"
    if len(person.phone) >= 7:
        yield f"p:{person.phone}"
    if person.home:
        yield f"h:{person.home}"
    if person.room:
        yield f"r:{person.room}"
    if not person.name.text:
        return
    yield f"n:{person.name.sound}"
    for birth in person.births:
        yield f"f:{person.name.family_sound}|{birth}"
        yield f"g:{person.name.given_sound}|{birth}"
        if person.guardian is not None:
            yield f"w:{'|'.join(sorted((person.name.text, person.guardian.text)))}"


def hopeless(one: Person, other: Person) -> bool:
    """Whether no further look can make the two one person: names or births speak against it, and
    no number for it."""
    if one.id_no and one.id_no == other.id_no:
        return False
    how, _ = compare(one.name, other.name)
    if how in ("other", "surname"):
        return one.guardian is None or other.guardian is None or not _exchanged(one, other)
    if how == "same" or not one.births or not other.births or one.births & other.births:
        return False
    return not any(births_near(a, b) for a in one.births for b in other.births)


def alike(one: Person, other: Person) -> Likeness:
    """Return how likely two entries are one person, and why."""
    home = bool(one.home) and one.home == other.home
    weighing = Weighing(HOME_PRIOR if home else APART_PRIOR)
    how = _weigh_names(weighing, one, other, home)
    birth = _weigh_births(weighing, one, other, home)
    if one.sex not in UNKNOWN_SEX and other.sex not in UNKNOWN_SEX:
        same = one.sex == other.sex
        weighing.add("sex_same" if same else "sex_other", 0.9 if same else -3.5)
    _weigh_phones(weighing, one, other, home)
    _weigh_ids(weighing, one, other)
    if home:
        _weigh_relations(weighing, one, other, how, birth)
    else:
        _weigh_places(weighing, one, other)
    return weighing.likeness()


def _weigh_names(weighing: Weighing, one: Person, other: Person, home: bool) -> How:
    how, likeness = compare(one.name, other.name)
    if how in ("other", "surname", "given_same") and _exchanged(one, other):
        weighing.add("name_guardian", 13.0)
        return "reordered"
    bits = (_HOME if home else _APART)[how][0 if one.name.long and other.name.long else 1]
    weighing.add(f"name_{how}", bits, likeness=f"{likeness:.2f}")
    mine, theirs = one.guardian, other.guardian
    if not home and mine is not None and theirs is not None and mine.text == theirs.text:
        weighing.add("guardian_same", 2.0 if mine.long else 1.0)
    return how


def _exchanged(one: Person, other: Person) -> bool:
    """Whether name and guardian stand in each other's place."""
    if one.guardian is None or other.guardian is None:
        return False
    return one.name.text == other.guardian.text and one.guardian.text == other.name.text


def _weigh_births(weighing: Weighing, one: Person, other: Person, home: bool) -> str:
    if not one.births or not other.births:
        return ""
    if one.births & other.births:
        weighing.add("birth_same", 7.0 if home else 8.5)
        return "same"
    if any(births_near(a, b) for a in one.births for b in other.births):
        weighing.add("birth_near", 1.0 if home else 2.5)
        return "near"
    weighing.add("birth_far", -9.0 if home else -7.0)
    return "far"


def births_near(one: str, other: str) -> bool:
    """Whether one birth month may be a slip for another: a month beside it (the lunar calendar's),
    a year beside it with the same month (ages counted the old way), one digit wrong, or two
    digits exchanged."""
    if len(one) != 7 or len(other) != 7:
        return False
    months = [int(text[:4]) * 12 + int(text[5:]) for text in (one, other)]
    apart = abs(months[0] - months[1])
    if apart in (1, 12):
        return True
    first, second = one.replace("-", ""), other.replace("-", "")
    wrong = [place for place in range(6) if first[place] != second[place]]
    if len(wrong) == 1:
        # Another decade is a slip of a key; another year or month within it is somebody else.
        return wrong[0] in (2, 4) or (wrong[0] == 3 and apart <= 24)
    return (
        len(wrong) == 2
        and first[wrong[0]] == second[wrong[1]]
        and first[wrong[1]] == second[wrong[0]]
    )


def numbers_near(one: str, other: str) -> bool:
    """Whether one number may be a slip for the other: one digit, or two beside each other."""
    return abs(len(one) - len(other)) <= 1 and OSA.distance(one, other, score_cutoff=1) <= 1


def _weigh_phones(weighing: Weighing, one: Person, other: Person, home: bool) -> None:
    if len(one.phone) < 7 or len(other.phone) < 7:
        return
    if one.phone == other.phone:
        weighing.add("phone_same", 1.0 if home else 9.0)
    elif numbers_near(one.phone, other.phone):
        weighing.add("phone_near", 1.5 if home else 7.0)
    else:
        weighing.add("phone_other", -0.5 if home else -1.0)


def _weigh_ids(weighing: Weighing, one: Person, other: Person) -> None:
    if not one.id_no or not other.id_no:
        return
    if one.id_no == other.id_no:
        weighing.add("id_same", 20.0)
    elif valid_id(one.id_no) and valid_id(other.id_no):
        # No single slip makes one valid number of another: its last character would not fit.
        weighing.add("id_other", -16.0)
    elif OSA.distance(one.id_no, other.id_no, score_cutoff=2) <= 2:
        weighing.add("id_near", 8.0)
    else:
        weighing.add("id_other", -6.0)


def valid_id(text: str) -> bool:
    """Whether an ID number's check character fits."""
    if len(text) != 18 or not text[:17].isdecimal():
        return False
    return IdNumber.last_character(text) == text[17]


def _weigh_relations(weighing: Weighing, one: Person, other: Person, how: How, birth: str) -> None:
    weighing.add("home_same", 0.5)
    first, second = one.relation, other.relation
    vague = first in VAGUE_RELATIONS or second in VAGUE_RELATIONS
    if not vague:
        if first == second or _may_be_same(first, second):
            weighing.add("relation_same", 1.5)
        else:
            weighing.add("relation_other", -5.0)
    young = first[:1] in YOUNGER or first[:1] == SIBLINGS
    if (
        birth == "same"
        and young
        and how in ("one_char", "near_sound", "missing_char", "given_same")
    ):
        weighing.add("twins", -6.0)


def _may_be_same(first: str, second: str) -> bool:
    """Whether one relation is the other said less exactly: spouse and wife, son and eldest son."""
    if first[:1] != second[:1]:
        return False
    return first.endswith("0") or second.endswith("0")


def _weigh_places(weighing: Weighing, one: Person, other: Person) -> None:
    if one.room and one.room == other.room:
        weighing.add("room_same", 7.0)
    elif one.building and one.building == other.building:
        weighing.add("building_same", 4.0)
    elif one.grid and one.grid == other.grid:
        weighing.add("grid_same", 2.0)
    elif one.grid and one.grid[:12] == other.grid[:12]:
        weighing.add("community_same", 1.0)
    elif one.grid and other.grid:
        weighing.add("elsewhere", -0.5)
    if one.left != other.left:
        weighing.add("left", 1.0)
