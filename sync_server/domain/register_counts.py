"""What is counted of compounds for coverage: conditions on one compound, and the shares they make.

A figure and the list behind it ask the same condition. ``conditions`` are by name: ``org``,
``three_none`` …, and ``field=code`` for every code of the lists compounds are told apart by (an
empty code: nothing said).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.kinds.compound import tag_on, three_none
from schemas.labels import Label
from sync_server.domain.overlap import EQUAL

BRANCH_KINDS = frozenset({"branch", "general"})
"""Organisations that make a compound one with a Party organisation when they name it: a committee
or a group names many that have none of their own."""
OWN_FORMS = frozenset({"own", "general"})
MANAGED_MODES = frozenset({"company", "public", "trust", "bundle", "big_help"})
"""Property modes by which somebody whose business it is manages the compound; the others are ways
to do without (S3: four kinds of help for compounds without property management)."""
OWNERS_BODIES = frozenset({"owners", "manage"})
DEMO_TARGET = 10
"""Percent of the compounds that are to be demonstration ones."""


@dataclass(frozen=True)
class Compound:
    """What is counted of a compound: its codes (empty: not said), today's tag, whether it is 三无,
    whether a Party branch of the register names it, and whether one names it alone."""

    record_id: str
    area: str
    codes: Mapping[str, str]
    eligible: bool | None
    three_none: bool
    branch: bool
    branch_alone: bool

    @property
    def org(self) -> bool:
        """Whether it has a Party organisation."""
        return self.branch or self.codes["org_form"] not in ("", "none")


SCHEMES: Mapping[str, str] = {
    "kind": "COMPOUND_KIND",
    "type_ty4": "COMPOUND_TYPE_TY4",
    "type_lz5": "COMPOUND_TYPE_LZ5",
    "property_mode": "PROPERTY_MODE",
    "self_gov": "SELF_GOV",
    "org_form": "ORG_FORM",
    "overlap": "OVERLAP",
    "tag": "COMPOUND_TAG",
}
"""The fields compounds are counted by, with their code lists."""


def compound(
    record_id: str, area: str, fields: Mapping[str, Any], day: str, branch: bool, alone: bool
) -> Compound:
    """Return what is counted of a compound on a day (2026-09-30)."""
    span = tag_on(fields, day)
    codes = {name: str(fields.get(name) or "") for name in SCHEMES}
    return Compound(
        record_id=record_id,
        area=area,
        codes=codes | {"tag": span.tag if span else ""},
        eligible=fields.get("eligible"),
        three_none=three_none(fields),
        branch=branch,
        branch_alone=alone,
    )


def _coinciding(one: Compound) -> bool:
    own = one.codes["org_form"] in OWN_FORMS or one.branch_alone
    return own and one.codes["overlap"] == EQUAL


def _property(one: Compound) -> bool:
    return one.codes["property_mode"] not in ("", "none")


def _managed(one: Compound) -> bool:
    return one.codes["property_mode"] in MANAGED_MODES


def _owners(one: Compound) -> bool:
    return one.codes["self_gov"] in OWNERS_BODIES


def _self_managed(one: Compound) -> bool:
    return one.codes["self_gov"] == "self_manage"


Condition = Callable[[Compound], bool]
CONDITIONS: Mapping[str, tuple[Label, Condition]] = {
    "all": (Label("小区", "Compounds"), lambda one: True),
    "org": (Label("有党组织的小区", "With a Party organisation"), lambda one: one.org),
    "no_org": (Label("没有党组织的小区", "Without a Party organisation"), lambda one: not one.org),
    "coinciding": (
        Label("党组织与网格重合的小区", "With a Party organisation that coincides with the grid"),
        _coinciding,
    ),
    "property": (Label("有物业的小区", "With a property mode"), _property),
    "no_property": (Label("没有物业的小区", "Without any property mode"),
                    lambda one: not _property(one)),
    "managed": (Label("专业物业管理的小区", "Professionally managed"), _managed),
    "not_managed": (Label("没有专业物业管理的小区", "Not professionally managed"),
                    lambda one: not _managed(one)),
    "owners": (Label("有业委会（物管会）的小区", "With an owners' body"), _owners),
    "eligible": (Label("符合成立条件的小区", "Eligible for an owners' body"),
                 lambda one: one.eligible is True),
    "eligible_owners": (
        Label("符合条件且有业委会（物管会）的小区", "Eligible and with an owners' body"),
        lambda one: one.eligible is True and _owners(one),
    ),
    "eligible_without": (
        Label("符合条件而没有业委会（物管会）的小区", "Eligible without an owners' body"),
        lambda one: one.eligible is True and not _owners(one),
    ),
    "self_manage": (
        Label("没有专业物业而有自管会的小区", "Self-managing, not professionally managed"),
        lambda one: _self_managed(one) and not _managed(one),
    ),
    "three_none": (Label("三无小区", "“Three-none” compounds"), lambda one: one.three_none),
    "demo": (Label("示范小区", "Demonstration compounds"), lambda one: one.codes["tag"] == "demo"),
}  # fmt: skip
"""What may be asked of a compound, and what a list of those that meet it is called."""
RATES: Mapping[str, tuple[str, str]] = {
    "org": ("org", "all"),
    "coinciding": ("coinciding", "org"),
    "property": ("property", "all"),
    "managed": ("managed", "all"),
    "owners": ("owners", "all"),
    "eligible_owners": ("eligible_owners", "eligible"),
    "self_manage": ("self_manage", "not_managed"),
    "three_none": ("three_none", "all"),
    "demo": ("demo", "all"),
}
"""Each share: the conditions of its part and its whole."""
LACKING: Mapping[str, str] = {
    "org": "no_org", "property": "no_property", "eligible_owners": "eligible_without",
}  # fmt: skip
"""What a share lacks to be the whole."""
WORDS: Mapping[str, tuple[Label, Label]] = {
    "org": (
        Label("党组织覆盖率", "Party organisation coverage"),
        Label(
            "有党组织的小区 ÷ 全部小区。小区登记了党组织形式（不是“无”），或组织登记中有党支部、"
            "党总支写明覆盖它，就算有；党委、大党委、党小组不算。",
            "Compounds with a Party organisation ÷ all. One has it whose form of Party branch is"
            " said and not “none”, or that a registered branch or general branch names; committees"
            " and groups do not count.",
        ),
    ),
    "coinciding": (
        Label("重合占比", "Coinciding with the grid"),
        Label(
            "党组织与网格重合的小区 ÷ 有党组织的小区。重合：小区与网格一致，并且党组织是它自己的"
            "（单独支部、党总支，或组织登记中只覆盖它一个小区的党支部、党总支）。",
            "Compounds whose Party organisation coincides with the grid ÷ those with one. It does"
            " where compound and grid are equal and the organisation is its own: a branch of its"
            " own or a general branch, or a registered one that names no other compound.",
        ),
    ),
    "property": (
        Label("物业覆盖率", "Property coverage"),
        Label(
            "物业模式不是“无”的小区 ÷ 全部小区；帮建、协建、补贴过渡、社区组织自治也算。",
            "Compounds whose property mode is not “none” ÷ all; helped, subsidised and"
            " self-managed ones count.",
        ),
    ),
    "managed": (
        Label("专业物业管理率", "Professionally managed"),
        Label(
            "市场物业、公益性实体、托管中心、打包委托、大物业帮扶的小区 ÷ 全部小区。",
            "Compounds managed by a property company, public-benefit body, trust centre, bundled"
            " contract or with a large company's help ÷ all.",
        ),
    ),
    "owners": (
        Label("业委会覆盖率（占全部）", "Owners' bodies, of all"),
        Label(
            "有业委会或物管会的小区 ÷ 全部小区。",
            "Compounds with an owners' or property committee ÷ all.",
        ),
    ),
    "eligible_owners": (
        Label("业委会覆盖率（占符合条件）", "Owners' bodies, of the eligible"),
        Label(
            "符合成立条件、有业委会或物管会的小区 ÷ 符合成立条件的小区。没有登记是否符合的不计。",
            "Eligible compounds with an owners' or property committee ÷ eligible compounds. Where"
            " nothing is said of eligibility, it does not count.",
        ),
    ),
    "self_manage": (
        Label("无物业小区自管会率", "Self-managing without property"),
        Label(
            "没有专业物业管理而有自管会的小区 ÷ 没有专业物业管理的小区。",
            "Compounds with a self-management committee ÷ compounds, both of those not"
            " professionally managed.",
        ),
    ),
    "three_none": (
        Label("三无小区占比", "“Three-none” compounds"),
        Label(
            "无物业、无主管单位、人防物防技防都没有的小区 ÷ 全部小区。",
            "Compounds without property management, unit in charge, guards, barriers and cameras ÷"
            " all.",
        ),
    ),
    "demo": (
        Label("示范小区占比", "Demonstration compounds"),
        Label(
            f"今天的标签是“示范”的小区 ÷ 全部小区；目标 {DEMO_TARGET}%。",
            f"Compounds tagged “demonstration” today ÷ all; the target is {DEMO_TARGET} %.",
        ),
    ),
}
"""Name and definition of each share, printed wherever it is shown."""


def condition(name: str) -> Condition | None:
    """Return a condition by its name (CONDITIONS, ``field=code``); None for one there is not."""
    if name in CONDITIONS:
        return CONDITIONS[name][1]
    field, said, code = name.partition("=")
    if not said or field not in SCHEMES:
        return None
    return lambda one: one.codes[field] == code


def shares(compounds: Iterable[Compound]) -> dict[str, tuple[int, int]]:
    """Return part and whole of each of RATES."""
    counts = dict.fromkeys({name for pair in RATES.values() for name in pair}, 0)
    for one in compounds:
        for name in counts:
            counts[name] += CONDITIONS[name][1](one)
    return {name: (counts[part], counts[whole]) for name, (part, whole) in RATES.items()}


def branches(
    orgs: Iterable[Mapping[str, Any]], into: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """Return which compounds a Party branch of the register names, and which one names alone, from
    the organisations' fields; ``into`` says where merged compounds went."""
    named, alone = set[str](), set[str]()
    for fields in orgs:
        if fields.get("org_kind") in BRANCH_KINDS:
            covered = {into.get(one, one) for one in fields.get("compound_ids") or ()}
            named |= covered
            if len(covered) == 1:
                alone |= covered
    return named, alone
