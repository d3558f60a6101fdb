"""Planting duplicates into a generated world, and people who only look like duplicates.

Written from what is known of how registers go wrong (input methods offer a character of the same
sound; somebody reads or copies a character, a digit, a line wrongly; a form's fields change places;
a family moves and is entered again), not from how duplicates are searched: nothing of
``schemas/likeness`` is used or looked at here. Every plant is drawn from one seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pypinyin import Style, lazy_pinyin

from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord

Fields = dict[str, Any]
LOOK_ALIKE = [
    "未末", "己已", "土士", "天夫", "大太", "日曰", "晴睛", "清请", "情精", "玲铃",
    "岭玲", "红江", "洋样", "梅海", "伟纬", "瑞端", "琳淋", "莉利", "兰蓝", "丽俪",
    "静净", "娟捐", "艳绝", "敏毓", "霞震", "娜那", "芳芬", "英莫", "华毕", "建健",
    "强张", "军车", "杰杏", "涛寿", "明朋", "刚岗", "辉晖", "鹏朋", "飞气", "浩洁",
    "亮壳", "志忘", "海悔", "波坡", "斌武", "健建", "峰锋", "国园", "龙尤", "德得",
    "兴光", "民氏", "林休", "松柏", "良艮", "江汪", "义叉", "宇字", "思恩", "佳住",
    "欣炊", "怡治", "文丈", "晓晚", "春泰", "玉王", "永水", "金全", "庆厌",
]  # fmt: skip
"""Characters that the eye takes for each other."""
SOUNDS = [
    "伟玮炜维卫为", "芳方坊舫", "娜纳", "敏闵悯", "静靖婧敬", "丽莉利俐立力", "强墙蔷", "磊蕾垒",
    "军君钧均俊", "洋杨阳扬", "勇永咏泳", "艳燕雁彦", "杰洁捷婕", "娟涓捐", "涛滔韬", "明铭鸣名",
    "超朝", "霞侠", "平萍苹屏", "刚钢纲", "桂贵", "英瑛颖莹盈", "华桦骅", "玉钰宇雨语裕",
    "兰岚澜蓝", "红宏虹鸿洪弘", "梅枚眉", "鹏朋", "飞菲霏妃", "玲铃灵凌琳", "浩昊皓豪",
    "晓小笑筱", "建健剑", "国果", "志智致治", "文雯纹", "斌彬宾滨", "峰锋枫丰风", "林琳霖临",
    "佳嘉家加", "欣新心馨鑫", "怡仪宜依", "晨辰宸", "婷亭庭", "雪学", "云芸耘", "月悦越", "春纯",
    "秀绣", "珍真臻", "海", "波博", "龙隆", "辉晖徽", "亮良", "德得", "民珉", "兴星",
    "东冬栋", "思斯丝", "瑞锐睿", "凯楷", "诗施", "琪琦祺奇", "倩茜", "璐露路", "瑶遥尧",
    "萱轩", "涵寒晗",
]  # fmt: skip
SURNAME_SOUNDS = [
    "张章", "王汪", "李黎", "刘柳", "陈程", "杨阳", "徐许", "朱祝", "何贺", "余于俞",
    "肖萧", "魏卫", "姜江", "谭谈", "付傅", "闫阎严", "邱秋", "石时", "任仁", "彭鹏",
]  # fmt: skip


@dataclass
class Planted:
    """What was planted: new records, changes of what was there, and the pairs that are one."""

    records: list[ImportedRecord] = field(default_factory=list)
    pairs: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    sorts: dict[tuple[str, str], str] = field(default_factory=dict)
    changed: dict[str, Fields] = field(default_factory=dict)

    def pair(self, kind: str, one: str, other: str, sort: str) -> None:
        """Note that two records are one."""
        ids = (min(one, other), max(one, other))
        self.pairs[kind].add(ids)
        self.sorts[ids] = sort


class Planter:
    """Plants into the records of a world, which it reads by kind."""

    def __init__(self, rng: Random, world: Mapping[str, Sequence[ImportedRecord]]) -> None:
        self.rng = rng
        self.world = world
        self.planted = Planted()
        self.homes = {one.record_id: one for one in world["household"]}
        self.members: dict[str, list[ImportedRecord]] = defaultdict(list)
        for one in world["resident"]:
            self.members[one.fields["household_id"]].append(one)
        self.phones = [str(one.fields["phone"]) for one in world["resident"]
                       if one.fields.get("phone")]  # fmt: skip

    # People entered twice ------------------------------------------------------------------

    def people(self, count: int) -> None:
        """Plant pairs of residents: typos, homophones, exchanged fields, people who moved."""
        sorts: list[tuple[str, int, Callable[[ImportedRecord, Fields], None]]] = [
            ("again", 15, self._again), ("homophone", 20, self._homophone),
            ("typo", 25, self._typo), ("exchanged", 15, self._exchanged),
            ("moved", 25, self._moved),
        ]  # fmt: skip
        weights = [one[1] for one in sorts]
        for original in self.rng.sample(list(self.world["resident"]), count):
            name, _, spoil = self.rng.choices(sorts, weights)[0]
            fields = dict(original.fields)
            self._forget(fields)
            spoil(original, fields)
            grid = self.homes[fields["household_id"]].grid
            self._add("resident", original, fields, grid, name)

    def _forget(self, fields: Fields) -> None:
        """Whoever enters somebody anew does not ask for everything again."""
        if self.rng.random() < 0.5:
            fields.pop("id_no", None)
        if self.rng.random() < 0.25:
            fields.pop("phone", None)
        elif fields.get("phone") and self.rng.random() < 0.15:
            fields["phone"] = self.rng.choice(self.phones)

    def _again(self, original: ImportedRecord, fields: Fields) -> None:
        if self.rng.random() < 0.2:
            fields["relation"] = "97"

    def _homophone(self, original: ImportedRecord, fields: Fields) -> None:
        fields["name"] = self._heard(fields["name"])
        if self.rng.random() < 0.3:
            self._elsewhere(fields)

    def _heard(self, name: str) -> str:
        """Return a name with one character replaced by another of the same sound."""
        places = list(range(len(name)))
        self.rng.shuffle(places)
        for place in places:
            tables = SURNAME_SOUNDS if place == 0 else SOUNDS
            for group in tables:
                if name[place] in group and len(group) > 1:
                    other = self.rng.choice([one for one in group if one != name[place]])
                    return name[:place] + other + name[place + 1 :]
        # No such character is at hand: the syllable is looked up among common characters.
        common = "".join(SOUNDS)
        for place in places:
            sound = lazy_pinyin(name[place], style=Style.NORMAL)[0]
            same = [one for one in common if lazy_pinyin(one, style=Style.NORMAL)[0] == sound]
            same = [one for one in same if one != name[place]]
            if same:
                return name[:place] + self.rng.choice(same) + name[place + 1 :]
        return name

    def _typo(self, original: ImportedRecord, fields: Fields) -> None:
        what = self.rng.choices(("shape", "drop", "phone", "birth", "shape_birthless"),
                                (30, 15, 25, 25, 5))[0]  # fmt: skip
        name = fields["name"]
        if what.startswith("shape"):
            fields["name"] = self._misread(name)
        elif what == "drop" and len(name) >= 3:
            place = self.rng.randrange(1, len(name))
            fields["name"] = name[:place] + name[place + 1 :]
        elif what == "phone" and fields.get("phone"):
            fields["phone"] = self._digit(str(fields["phone"]), 3)
        else:
            fields["birth"] = self._wrong_birth(fields["birth"])
        if self.rng.random() < 0.2:
            self._elsewhere(fields)

    def _misread(self, name: str) -> str:
        places = list(range(len(name)))
        self.rng.shuffle(places)
        for place in places:
            for pair in LOOK_ALIKE:
                if name[place] in pair:
                    other = pair[1 - pair.index(name[place])]
                    return name[:place] + other + name[place + 1 :]
        return self._heard(name)

    def _digit(self, text: str, first: int) -> str:
        place = self.rng.randrange(first, len(text))
        digit = self.rng.choice([one for one in "0123456789" if one != text[place]])
        return text[:place] + digit + text[place + 1 :]

    def _wrong_birth(self, birth: str) -> str:
        year, month = int(birth[:4]), int(birth[5:7])
        what = self.rng.choice(("month", "year", "decade", "lunar"))
        if what == "year":
            year += self.rng.choice((-1, 1))
        elif what == "decade":
            year += self.rng.choice((-10, 10))
        elif what == "lunar":
            month = month - 1 or 12
        else:
            month = month % 12 + 1
        return f"{year:04d}-{month:02d}"

    def _exchanged(self, original: ImportedRecord, fields: Fields) -> None:
        name, what = (
            fields["name"],
            self.rng.choice(("order", "given", "guardian", "birth", "phone")),
        )
        if what == "guardian" and fields.get("guardian"):
            fields["name"], fields["guardian"] = fields["guardian"], name
        elif what == "birth" and fields["birth"][2] != fields["birth"][3]:
            birth = fields["birth"]
            fields["birth"] = birth[:2] + birth[3] + birth[2] + birth[4:]
        elif what == "phone" and fields.get("phone"):
            phone = str(fields["phone"])
            place = self.rng.randrange(3, len(phone) - 1)
            fields["phone"] = phone[:place] + phone[place + 1] + phone[place] + phone[place + 2 :]
        elif what == "given" and len(name) == 3:
            fields["name"] = name[0] + name[2] + name[1]
        else:
            fields["name"] = name[1:] + name[0]

    def _moved(self, original: ImportedRecord, fields: Fields) -> None:
        self._elsewhere(fields)
        fields["relation"] = self.rng.choice(("02", "10", "97", "99", fields["relation"]))
        if self.rng.random() < 0.35:
            fields["name"] = self._heard(fields["name"])
        if self.rng.random() < 0.5:
            self.planted.changed[original.record_id] = {
                **original.fields, "moved_out_at": "2026-08-01", "move_reason": "搬家"
            }  # fmt: skip

    def _elsewhere(self, fields: Fields) -> None:
        """Let the copy live somewhere else: half of the movers stay in their community."""
        home = self.homes[fields["household_id"]]
        near = self.rng.random() < 0.5
        while True:
            other = self.rng.choice(self.world["household"])
            fits = not near or other.grid[:12] == home.grid[:12]
            if fits and other.record_id != home.record_id:
                break
        fields["household_id"] = other.record_id

    # People who are two ----------------------------------------------------------------------

    def strangers(self, count: int) -> None:
        """Plant people who only look like others: twins, namesakes, cousins, shared phones."""
        makers = (self._twin, self._namesake, self._namesake_near, self._cousin, self._shared_phone)
        people = list(self.world["resident"])
        made = 0
        while made < count:
            made += self.rng.choice(makers)(self.rng.choice(people))

    def _twin(self, one: ImportedRecord) -> int:
        if one.fields["relation"][:1] not in "234" or len(one.fields["name"]) != 3:
            return 0
        name = one.fields["name"]
        other = self.rng.choice(
            "怡慧婷雪晨轩宇浩然欣" if one.fields["sex"] == "2" else "轩宇浩然博文晨阳杰凯"
        )
        if other == name[2]:
            return 0
        fields = {**one.fields, "name": name[:2] + other}
        fields.pop("id_no", None)
        ranks = {"21": "23", "20": "23", "31": "33", "30": "33"}
        if fields["relation"] in ranks:
            fields["relation"] = ranks[fields["relation"]]
        self._new("resident", one, fields, one.grid)
        return 1

    def _namesake(self, one: ImportedRecord) -> int:
        """Somebody of the same name and sex, of another age, elsewhere."""
        year = int(one.fields["birth"][:4]) + self.rng.choice((-1, 1)) * self.rng.randint(3, 30)
        if not 1930 < year < 2024:
            return 0
        return self._other(one, {"birth": f"{year}-{self.rng.randint(1, 12):02d}"})

    def _namesake_near(self, one: ImportedRecord) -> int:
        """A namesake born in the same year, in another season."""
        month = (int(one.fields["birth"][5:7]) + self.rng.randint(2, 9)) % 12 + 1
        return self._other(one, {"birth": f"{one.fields['birth'][:4]}-{month:02d}"})

    def _cousin(self, one: ImportedRecord) -> int:
        """A relative of the same generation: surname and generation character in common."""
        name = one.fields["name"]
        if len(name) != 3:
            return 0
        given = "伟强磊军洋勇杰涛超明" if one.fields["sex"] == "1" else "芳娜敏静秀英丽娟艳玲"
        other = self.rng.choice(given)
        if other == name[2]:
            return 0
        year = int(one.fields["birth"][:4]) + self.rng.randint(-3, 3)
        return self._other(one, {"name": name[:2] + other,
                                 "birth": f"{year}-{self.rng.randint(1, 12):02d}"})  # fmt: skip

    def _other(self, one: ImportedRecord, said: Fields) -> int:
        fields = {**one.fields, **said}
        fields.pop("id_no", None)
        fields["phone"] = self.rng.choice(self.phones)[:7] + f"{self.rng.randrange(10_000):04d}"
        self._elsewhere(fields)
        self._new("resident", one, fields, self.homes[fields["household_id"]].grid)
        return 1

    def _shared_phone(self, one: ImportedRecord) -> int:
        """A child who gives the parent's phone."""
        others = [each for each in self.members[one.fields["household_id"]]
                  if each is not one and each.fields.get("phone")]  # fmt: skip
        if not others or one.record_id in self.planted.changed:
            return 0
        phone = self.rng.choice(others).fields["phone"]
        self.planted.changed[one.record_id] = {**one.fields, "phone": phone}
        return 1

    # Households and shops ----------------------------------------------------------------------

    def households(self, count: int) -> None:
        """Plant households entered twice, with their people; and as many that share a room with
        strangers."""
        chosen = self.rng.sample(list(self.world["household"]), 2 * count)
        for home in chosen[:count]:
            fields = {**home.fields, "code": f"N{self.rng.randrange(10**8):08d}"}
            if self.rng.random() < 0.4:
                fields.pop("phone", None)
            moved = self.rng.random() < 0.3
            room = self.rng.choice(self.world["household"]) if moved else home
            fields["room_id"] = room.fields["room_id"]
            made = self._new("household", home, fields, room.grid)
            self.planted.pair("household", home.record_id, made, "household")
            for one in self.members[home.record_id]:
                said = {**one.fields, "household_id": made}
                self._forget(said)
                copy = self._new("resident", one, said, room.grid)
                self.planted.pair("resident", one.record_id, copy, "household")
        for home in chosen[count:]:
            strangers = self.members[self.rng.choice(self.world["household"]).record_id]
            said = {"code": f"N{self.rng.randrange(10**8):08d}", "kind": "tenant",
                    "room_id": home.fields["room_id"]}  # fmt: skip
            made = self._new("household", home, said, home.grid)
            for one in strangers[:2]:
                fields = {**one.fields, "household_id": made, "name": one.fields["name"][::-1],
                          "birth": f"{1960 + self.rng.randrange(45)}-0{self.rng.randint(1, 9)}",
                          "phone": f"139{self.rng.randrange(10**8):08d}"}  # fmt: skip
                fields.pop("id_no", None)
                self._new("resident", home, fields, home.grid)

    def shops(self, count: int) -> None:
        """Plant shops entered twice, and as many of a chain's name elsewhere."""
        chosen = self.rng.sample(list(self.world["shop"]), 2 * count)
        for shop in chosen[:count]:
            fields = dict(shop.fields)
            what = self.rng.choice(("name", "address", "keeper", "exchanged"))
            if what == "name":
                fields["name"] = self._heard(fields["name"][:2]) + fields["name"][2:]
            elif what == "address":
                fields["address"] = fields["address"].replace("号", "").replace("路", "街")
            elif what == "keeper" and fields.get("keeper"):
                fields["keeper"] = self._heard(fields["keeper"])
            elif fields.get("keeper"):
                fields["name"], fields["keeper"] = fields["keeper"], fields["name"]
            if self.rng.random() < 0.5:
                fields.pop("uscc", None)
            if self.rng.random() < 0.3:
                fields.pop("phone", None)
            made = self._new("shop", shop, fields, shop.grid)
            self.planted.pair("shop", shop.record_id, made, "shop")
        for shop in chosen[count:]:
            other = self.rng.choice(self.world["shop"])
            fields = {**other.fields, "name": shop.fields["name"]}
            for name in ("uscc", "keeper", "room_id"):
                fields.pop(name, None)
            fields["phone"] = f"137{self.rng.randrange(10**8):08d}"
            fields["address"] = f"{other.fields['address']}东{self.rng.randrange(300)}号"
            self._new("shop", other, fields, other.grid)

    def _add(
        self, kind: str, original: ImportedRecord, fields: Fields, grid: str, sort: str
    ) -> None:
        made = self._new(kind, original, fields, grid)
        self.planted.pair(kind, original.record_id, made, sort)

    def _new(self, kind: str, like: ImportedRecord, fields: Fields, grid: str) -> str:
        record_id = new_id()
        said = {name: value for name, value in fields.items() if value is not None}
        self.planted.records.append(
            ImportedRecord(record_id, kind, grid, said, like.author, like.made_at)
        )
        return record_id
