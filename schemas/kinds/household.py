"""household 家庭户: who lives in a room."""

from schemas.fields import Code, Flag, Line, Phone, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Household(Kind):
    """A household; its members are residents that refer to it."""

    info = KindInfo(
        name="household",
        label=Label("家庭户", "Household"),
        group="people",
        title=("room_id.building_id.compound_id.name", "room_id.label"),
        parent="room_id",
        laptop=frozenset({"create", "update", "void"}),
    )

    code = Line(
        "户号", "Household no.", required=True, search=True, column=True, longest=40,
        hint=Label(
            "社区编的户号；还没有编号的，先写楼栋和房号，如 3-1-502。",
            "As the community numbers it; without a number yet, building and room, as 3-1-502.",
        ),
    )  # fmt: skip
    room_id = Ref("房屋", "Room", "room", required=True, column=True, policy="review")
    kind = Code("户类型", "Household kind", "HH_KIND", required=True, column=True)
    head_id = Ref("户主", "Head", "resident", policy="review")
    size = Whole("人口数", "Members", most=200, column=True)
    phone = Phone("联系电话", "Phone", policy="review", column=True, group="phone")
    centre = Flag("党员中心户", "Party-member centre household", group="centre")
    care_risk = Code("关怀级别", "Care level", "CARE_RISK", ask=False, column=True)
    # Typed in the first release; since then read off the visits of a campaign (schemas/knock.py).
    knock_state = Code("敲门状态", "Knock campaign", "KNOCK_STATE", ask=False)
    remarks = Line("备注", "Remarks")
