"""area 区域: the tree from district to grid and micro-grid, with validity and old names."""

from schemas.fields import (
    AreaCode,
    Code,
    Day,
    Flag,
    Keyed,
    Line,
    Paragraph,
    Part,
    Phone,
    Ref,
    Refs,
    Whole,
)
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class OldName(Part):
    """A name the area had before."""

    name = Line("曾用名", "Former name", required=True)
    until = Day("用至", "Used until")


class LevelLabel(Part):
    """What a district calls one level of an issue; the level's order stays what it is."""

    label = Line("名称", "Name", required=True, longest=12)


class CoverageLimit(Part):
    """A limit of the coverage view in the district, in days (``schemas/coverage.py``)."""

    days = Whole("天数", "Days", required=True, least=1, most=1000)


class TeamPost(Part):
    """How many people of one post a grid of the district should have (1+3+N)."""

    count = Whole("人数", "People", required=True, least=0, most=99)


class FieldGroup(Part):
    """What one group of personal fields is for in the district (``schemas/purposes.py``)."""

    purpose = Line("用途", "Purpose", longest=200)
    basis = Code("处理依据", "Legal basis", "BASIS")
    notice = Line("告知书版本", "Notice version", longest=20)
    unused = Flag("不采集", "Not collected")


class CodeSetting(Part):
    """What the district says of one code (``schemas/code_settings.py``); keyed ``LIST.code``."""

    code = Line("代码", "Code", required=True, longest=60)
    unused = Flag("不用", "Not used")
    standard = Line("对应标准和代码", "Standard and its code", longest=60)


class Lineage(Part):
    """How an area came from another one, or went into it, when grids were redrawn."""

    change = Code("变动", "Change", "AREA_CHANGE", required=True)
    other = AreaCode("另一区域", "Other area", required=True)
    on = Day("日期", "On", required=True)


class Area(Kind):
    """A district, street, community, grid or micro-grid; grid fields are empty for the others, and
    a district alone names the levels of issues, sets the limits of coverage, and says what personal
    fields are for and which codes it uses."""

    info = KindInfo(
        name="area",
        label=Label("区域", "Area"),
        group="place",
        title=("name",),
        reach="community",
        laptop=frozenset(),
        staff=frozenset({"create", "update"}),
        version=4,
    )

    code = AreaCode("区域代码", "Area code", required=True, search=True, column=True)
    name = Line("名称", "Name", required=True, search=True, column=True)
    level = Code("层级", "Level", "AREA_LEVEL", required=True, column=True)
    parent_code = AreaCode("上级代码", "Parent code", column=True)
    std_code = Line("国家代码", "National code", longest=20)
    old_names = Keyed("曾用名", "Former names", OldName)
    valid_from = Day("生效日期", "Valid from", required=True)
    valid_to = Day("失效日期", "Valid to")
    grid_type = Code("网格类型", "Grid type", "GRID_TYPE")
    leader_id = Ref("网格长", "Grid leader", "user")
    worker_ids = Refs("网格员", "Grid workers", "user")
    boundary_text = Paragraph("四至", "Boundaries", longest=1000)
    supervision_phone = Phone("监督电话", "Supervision phone", privacy="open")
    notice_phone = Phone(
        "公示电话", "Posted phone", privacy="open",
        hint=Label("印在网格公示卡上，填工作电话。", "Printed on the grid's card."),
    )  # fmt: skip
    org_id = Ref("党支部", "Party branch", "org")
    household_count = Whole("户数", "Households", most=100_000)
    lineage = Keyed("沿革", "Lineage", Lineage)
    team_posts = Keyed("网格配备", "Team of a grid", TeamPost, keys="TEAM_POST")
    level_labels = Keyed("事件级别名称", "Names of issue levels", LevelLabel, keys="ISSUE_LEVEL")
    coverage_limits = Keyed("覆盖期限", "Limits of coverage", CoverageLimit, keys="COVERAGE_LIMIT")
    field_groups = Keyed("信息用途", "Purposes of data", FieldGroup, keys="FIELD_GROUP")
    code_settings = Keyed("代码表设置", "Settings of code lists", CodeSetting)
