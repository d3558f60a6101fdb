"""room 房屋: a flat, or a door in a lane of a bungalow area."""

from schemas.fields import Code, Line, Paragraph, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Room(Kind):
    """Where a household lives or a shop trades."""

    info = KindInfo(
        name="room",
        label=Label("房屋", "Room"),
        group="place",
        title=("building_id.compound_id.name", "label"),
        parent="building_id",
        laptop=frozenset({"create", "update"}),
        staff=frozenset({"create", "update"}),
    )

    building_id = Ref("楼栋", "Building", "building", required=True, column=True, policy="review")
    unit_no = Line("单元号", "Entrance no.", longest=20)
    no = Line("房号", "Room no.", required=True, longest=20)
    label = Line("门牌全称", "Full label", required=True, search=True, column=True, longest=60)
    floor = Whole("楼层", "Floor", least=-5, most=150)
    use = Code("用途", "Use", "ROOM_USE", column=True)
    state = Code("状态", "State", "ROOM_STATE", required=True, column=True)
    hazards = Paragraph("隐患", "Hazards", longest=1000)
