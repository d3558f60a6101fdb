"""What a score is made of: evidence in bits, each piece with its words.

Bits are logarithms of how much likelier a sign is between two entries of one thing than between
two things; they add up, and the sum is told as a probability. Nothing counts without a word. A
word never holds a value of a record: reasons are shown where values are masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.labels import Label

LISTED = 0.4
"""From this score on two records are shown to people as perhaps one. Chosen on small generated
worlds of other seeds than the one measured (docs/duplicates.md)."""
HIGHEST = 0.99

WORDS: dict[str, Label] = {
    "name_same": Label("姓名相同", "same name"),
    "name_reordered": Label("姓名字序颠倒 {likeness}", "name in another order {likeness}"),
    "name_homophone": Label("姓名同音 {likeness}", "name sounds the same {likeness}"),
    "name_near_sound": Label("姓名读音相近 {likeness}", "name sounds alike {likeness}"),
    "name_one_char": Label("姓名差一个字 {likeness}", "name differs in one character {likeness}"),
    "name_missing_char": Label("姓名少一个字 {likeness}", "name lacks one character {likeness}"),
    "name_given_same": Label("名相同、姓不同 {likeness}", "given name the same {likeness}"),
    "name_surname": Label("只有姓相同", "only the surname is the same"),
    "name_other": Label("姓名不同", "different names"),
    "name_guardian": Label("姓名与监护人填反", "name and guardian exchanged"),
    "birth_same": Label("出生年月相同", "same birth month"),
    "birth_near": Label("出生年月相近", "birth months close"),
    "birth_far": Label("出生年月不同", "different birth months"),
    "sex_same": Label("性别相同", "same sex"),
    "sex_other": Label("性别不同", "different sex"),
    "phone_same": Label("电话相同", "same phone"),
    "phone_near": Label("电话只差一位或颠倒两位", "phone differs by a slip"),
    "phone_other": Label("电话不同", "different phones"),
    "id_same": Label("身份证号相同", "same ID number"),
    "id_near": Label("身份证号只差一两位", "ID number differs in a digit or two"),
    "id_other": Label("身份证号不同", "different ID numbers"),
    "home_same": Label("同一户", "same household"),
    "room_same": Label("同一房间", "same room"),
    "building_same": Label("同一楼栋", "same building"),
    "grid_same": Label("同一网格", "same grid"),
    "community_same": Label("同一社区", "same community"),
    "elsewhere": Label("住处不同", "different homes"),
    "left": Label("一处已迁出", "moved out of one of the homes"),
    "relation_same": Label("与户主关系相同", "same relation to the head"),
    "relation_other": Label("与户主关系不同", "different relation to the head"),
    "twins": Label("可能是双胞胎", "may be twins"),
    "guardian_same": Label("监护人相同", "same guardian"),
    "code_same": Label("户号相同", "same household number"),
    "members_shared": Label("有 {count} 名成员相同", "{count} members in common"),
    "members_other": Label("成员不同", "different members"),
    "kind_same": Label("类别相同", "same kind"),
    "kind_other": Label("类别不同", "different kinds"),
    "door_same": Label("同一楼栋、同一门牌", "same building, same door"),
    "door_reordered": Label("单元号与房号填反", "entrance and room exchanged"),
    "uscc_same": Label("统一社会信用代码相同", "same credit code"),
    "uscc_other": Label("统一社会信用代码不同", "different credit codes"),
    "shop_name_same": Label("店名相同", "same shop name"),
    "shop_name_sound": Label("店名同音 {likeness}", "shop name sounds the same {likeness}"),
    "shop_name_near": Label("店名相近 {likeness}", "similar shop name {likeness}"),
    "shop_name_other": Label("店名不同", "different shop names"),
    "shop_swapped": Label("店名与负责人填反", "shop name and keeper exchanged"),
    "address_same": Label("地址相同", "same address"),
    "address_near": Label("地址相近 {likeness}", "similar address {likeness}"),
    "address_other": Label("地址不同", "different addresses"),
    "keeper_same": Label("负责人相同", "same keeper"),
    "keeper_near": Label("负责人姓名相近 {likeness}", "similar keeper's name {likeness}"),
    "keeper_other": Label("负责人不同", "different keepers"),
    "care_twice": Label("同一居民有两份关怀记录", "one resident has two care records"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence: its word's code, the facts in it, and what it weighs in bits."""

    code: str
    bits: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def against(self) -> bool:
        """Whether it speaks against the two being one."""
        return self.bits < 0

    def text(self, lang: str) -> str:
        """Return it in words."""
        return WORDS[self.code].text(lang).format(**self.facts)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"code": self.code, "bits": self.bits, "facts": dict(self.facts)}


def read_reason(stored: Mapping[str, Any]) -> Reason:
    """Return a stored reason."""
    return Reason(stored["code"], float(stored["bits"]), dict(stored["facts"]))


@dataclass(frozen=True, slots=True)
class Likeness:
    """How likely two records are one, and why; the strongest reason first."""

    score: float
    reasons: tuple[Reason, ...]

    def text(self, lang: str) -> str:
        """Return the reasons in one sentence: what speaks for it, then what speaks against."""
        return sentence(self.reasons, lang)


def sentence(reasons: Iterable[Reason], lang: str) -> str:
    """Return reasons in one sentence: what speaks for it first, then what speaks against it."""
    told = list(reasons)
    pro = [one.text(lang) for one in told if not one.against]
    con = [one.text(lang) for one in told if one.against]
    comma, but = ("，", "；但") if lang != "en" else (", ", "; but ")
    return comma.join(pro) + (but + comma.join(con) if con and pro else comma.join(con))


class Weighing:
    """Evidence being gathered, from how likely two such records are one before anything is said."""

    def __init__(self, prior: float) -> None:
        self.bits = prior
        self.reasons: list[Reason] = []

    def add(self, code: str, bits: float, **facts: Any) -> None:
        """Count one piece of evidence."""
        self.bits += bits
        if bits:
            self.reasons.append(Reason(code, bits, facts))

    def likeness(self) -> Likeness:
        """Return the outcome, its reasons by weight."""
        score = 1 / (1 + 2 ** -max(-60.0, min(60.0, self.bits)))
        ordered = sorted(self.reasons, key=lambda one: -one.bits)
        return Likeness(round(min(score, HIGHEST), 2), tuple(ordered))
