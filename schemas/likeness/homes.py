"""Whether two entries are one household, one room, one shop.

A room may rightly hold two households (tenants, a collective household): it is people, a phone or
a number in common that makes two entries one. Shops of a chain share a name, not an address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from schemas.likeness.names import Name, compare, read_name
from schemas.likeness.people import Person, digits, numbers_near
from schemas.likeness.reasons import Likeness, Weighing
from schemas.search import fold

_CHINESE_DIGITS = str.maketrans("零〇一二三四五六七八九两", "001234567892")
_FIRM = re.compile(r"(有限责任公司|有限公司|个体工商户|经营部|分店|门店|总店|商店|店|铺|部|行)$")
_LIVING = ("same", "homophone", "reordered", "near_sound")


@dataclass(frozen=True, slots=True)
class Home:
    """What is compared of a household; ``people`` are its members."""

    code: str
    kind: str
    phone: str
    room: str
    building: str
    grid: str
    people: tuple[Person, ...]


def read_home(
    fields: Mapping[str, Any],
    *,
    building: str = "",
    grid: str = "",
    people: Sequence[Person] = (),
    room: str | None = None,
) -> Home:
    """Return a household's stored fields as they are compared."""
    return Home(
        code=fold(str(fields.get("code") or "")),
        kind=str(fields.get("kind") or ""),
        phone=digits(fields.get("phone")),
        room=str(fields.get("room_id") or "") if room is None else room,
        building=building,
        grid=grid,
        people=tuple(people),
    )


def home_keys(home: Home) -> Iterator[str]:
    """Yield what another entry of the same household most likely shares."""
    if home.room:
        yield f"r:{home.room}"
    if len(home.phone) >= 7:
        yield f"p:{home.phone}"
    if home.code:
        yield f"c:{home.code}"
    for one in home.people:
        for birth in one.births:
            yield f"m:{one.name.sound}|{birth}"


def homes_alike(one: Home, other: Home) -> Likeness:
    """Return how likely two entries are one household, and why."""
    here = bool(one.room) and one.room == other.room
    weighing = Weighing(-4.0 if here else -19.0)
    if here:
        weighing.add("room_same", 1.0)
    elif one.building and one.building == other.building:
        weighing.add("building_same", 3.0)
    elif one.grid and other.grid and one.grid[:12] != other.grid[:12]:
        weighing.add("elsewhere", -0.5)
    if one.code and one.code == other.code:
        weighing.add("code_same", 8.0 if here else 12.0)
    _weigh_home_phones(weighing, one, other, here)
    shared = shared_people(one.people, other.people)
    if shared:
        whole = shared == min(len(one.people), len(other.people))  # nobody of the smaller is left
        bits = (15.0 if whole else 9.0) + 4.0 * (min(shared, 3) - 1)
        weighing.add("members_shared", bits, count=shared)
    elif one.people and other.people:
        weighing.add("members_other", -7.0)
    if "tenant" in (one.kind, other.kind) and one.kind != other.kind and not shared:
        weighing.add("kind_other", -3.0)
    return weighing.likeness()


def shared_people(some: Sequence[Person], others: Sequence[Person]) -> int:
    """Return how many of two households' members are the same by name and birth."""
    left = list(others)
    count = 0
    for one in some:
        for other in left:
            how, _ = compare(one.name, other.name)
            agreed = bool(one.births & other.births) and one.sex == other.sex
            if how in _LIVING and (agreed or (one.id_no and one.id_no == other.id_no)):
                left.remove(other)
                count += 1
                break
    return count


def _weigh_home_phones(weighing: Weighing, one: Home, other: Home, here: bool) -> None:
    if len(one.phone) < 7 or len(other.phone) < 7:
        return
    if one.phone == other.phone:
        weighing.add("phone_same", 6.0 if here else 9.0)
    elif numbers_near(one.phone, other.phone):
        weighing.add("phone_near", 3.0 if here else 5.0)
    else:
        weighing.add("phone_other", -1.0)


@dataclass(frozen=True, slots=True)
class Door:
    """What is compared of a room: its building and the numbers of its door, in order."""

    building: str
    numbers: tuple[str, ...]
    words: str


def read_door(fields: Mapping[str, Any]) -> Door:
    """Return a room's stored fields as they are compared."""
    label = str(fields.get("label") or "")
    return Door(str(fields.get("building_id") or ""), numbers_in(label), _words(label))


def numbers_in(text: str) -> tuple[str, ...]:
    """Return the numbers of a door or an address: 3栋1单元502室 and 3-1-502 have the same."""
    plain = unicodedata.normalize("NFKC", text).translate(_CHINESE_DIGITS)
    return tuple(one.lstrip("0") or "0" for one in re.findall(r"\d+", plain))


def _words(label: str) -> str:
    """Return what a door is called besides its numbers: a lane's name."""
    plain = unicodedata.normalize("NFKC", label).translate(_CHINESE_DIGITS)
    return re.sub(r"[\d\W_]|栋|幢|号楼|楼|单元|室|号|门", "", plain)


def door_keys(door: Door) -> Iterator[str]:
    """Yield what another entry of the same room shares: the building, and its numbers in any
    order."""
    if door.building and door.numbers:
        yield f"d:{door.building}|{'-'.join(sorted(door.numbers))}"


def doors_alike(one: Door, other: Door) -> Likeness:
    """Return how likely two entries are one room, and why."""
    weighing = Weighing(-9.0)
    if one.building and one.building == other.building and one.numbers and other.numbers:
        if one.numbers == other.numbers and _agree(one.words, other.words):
            weighing.add("door_same", 14.5)
        elif _exchanged(one.numbers, other.numbers):
            weighing.add("door_reordered", 11.0)
    return weighing.likeness()


def _agree(one: str, other: str) -> bool:
    """Whether lanes are called alike; one that is not named agrees with every other."""
    return one == other or not one or not other


def _exchanged(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the last two numbers stand in each other's place and one of them can only be a
    room's (502), so that 1-2 and 2-1 stay two rooms."""
    if len(one) < 2 or tuple(one[:-2]) != tuple(other[:-2]) or len(one) != len(other):
        return False
    same = one[-1] == other[-2] and one[-2] == other[-1]
    return same and one[-1] != one[-2] and {len(one[-1]) >= 3, len(one[-2]) >= 3} == {True, False}


@dataclass(frozen=True, slots=True)
class Trade:
    """What is compared of a shop."""

    name: Name
    keeper: Name | None
    phone: str
    uscc: str
    address: str
    numbers: tuple[str, ...]
    room: str
    kind: str
    grid: str


def read_trade(fields: Mapping[str, Any], *, grid: str = "", room: str | None = None) -> Trade:
    """Return a shop's stored fields as they are compared."""
    keeper, address = str(fields.get("keeper") or ""), str(fields.get("address") or "")
    return Trade(
        name=read_name(shop_name(str(fields.get("name") or ""))),
        keeper=read_name(keeper) if keeper else None,
        phone=digits(fields.get("phone")),
        uscc=str(fields.get("uscc") or ""),
        address=fold(address),
        numbers=numbers_in(address),
        room=str(fields.get("room_id") or "") if room is None else room,
        kind=str(fields.get("kind") or ""),
        grid=grid,
    )


def shop_name(text: str) -> str:
    """Return a shop's name without what only says that it is one."""
    folded = re.sub(r"[()（）【】\[\]]", "", fold(text))
    bare = _FIRM.sub("", folded)
    return bare if len(bare) >= 2 else folded


def trade_keys(trade: Trade) -> Iterator[str]:
    """Yield what another entry of the same shop most likely shares."""
    if trade.uscc:
        yield f"u:{trade.uscc}"
    if len(trade.phone) >= 7:
        yield f"p:{trade.phone}"
    if trade.room:
        yield f"r:{trade.room}"
    yield f"n:{trade.name.sound}"
    if trade.numbers:
        yield f"a:{trade.grid}|{'-'.join(trade.numbers)}"
    yield f"t:{trade.grid[:12]}|{trade.address}"
    if trade.keeper is not None:
        yield f"k:{trade.grid[:12]}|{trade.keeper.sound}"
        yield f"n:{trade.keeper.sound}"  # in each other's place


def trades_alike(one: Trade, other: Trade) -> Likeness:
    """Return how likely two entries are one shop, and why."""
    weighing = Weighing(-13.0)
    if one.uscc and other.uscc:
        same = one.uscc == other.uscc
        weighing.add("uscc_same" if same else "uscc_other", 13.0 if same else -9.0)
    _weigh_shop_names(weighing, one, other)
    _weigh_addresses(weighing, one, other)
    if len(one.phone) >= 7 and len(other.phone) >= 7:
        if one.phone == other.phone:
            weighing.add("phone_same", 8.0)
        elif numbers_near(one.phone, other.phone):
            weighing.add("phone_near", 5.0)
        else:
            weighing.add("phone_other", -1.5)
    if one.kind and other.kind:
        weighing.add(*(("kind_same", 0.5) if one.kind == other.kind else ("kind_other", -2.0)))
    return weighing.likeness()


def _weigh_shop_names(weighing: Weighing, one: Trade, other: Trade) -> None:
    swapped = (
        one.keeper is not None and other.keeper is not None
        and fuzz.ratio(one.name.text, other.keeper.text) >= 90
        and fuzz.ratio(one.keeper.text, other.name.text) >= 90
    )  # fmt: skip
    if swapped and one.name.text != other.name.text:
        weighing.add("shop_swapped", 13.0)
        return
    likeness = fuzz.ratio(one.name.text, other.name.text) / 100
    how, _ = compare(one.name, other.name)
    told = f"{likeness:.2f}"
    if one.name.text == other.name.text:
        weighing.add("shop_name_same", 8.0)
    elif how in ("homophone", "near_sound", "reordered"):
        weighing.add("shop_name_sound", 7.0, likeness="0.95")
    elif likeness >= 0.7 or _contains(one.name.text, other.name.text):
        weighing.add("shop_name_near", 4.5, likeness=told)
    else:
        weighing.add("shop_name_other", -5.0)
    if one.keeper is None or other.keeper is None:
        return
    how, likeness = compare(one.keeper, other.keeper)
    if how == "same":
        weighing.add("keeper_same", 5.5)
    elif how in _LIVING:
        weighing.add("keeper_near", 4.0, likeness=f"{likeness:.2f}")
    elif how not in ("one_char", "missing_char"):
        weighing.add("keeper_other", -3.5)


def _contains(one: str, other: str) -> bool:
    short, full = sorted((one, other), key=len)
    return len(short) >= 3 and short in full


def _weigh_addresses(weighing: Weighing, one: Trade, other: Trade) -> None:
    if one.room and one.room == other.room:
        weighing.add("room_same", 6.0)
        return
    if not one.address or not other.address:
        return
    near = one.grid[:12] == other.grid[:12] or not one.grid or not other.grid
    likeness = fuzz.ratio(one.address, other.address) / 100
    if near and one.address == other.address:
        weighing.add("address_same", 6.0)
    elif near and one.numbers == other.numbers and likeness >= 0.5:
        weighing.add("address_near", 4.0, likeness=f"{likeness:.2f}")
    elif near and likeness >= 0.85:
        weighing.add("address_near", 1.0, likeness=f"{likeness:.2f}")
    else:
        weighing.add("address_other", -4.0)
