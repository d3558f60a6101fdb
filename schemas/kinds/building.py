"""building 楼栋: belongs to a compound and lies in one grid (the joint of the two)."""

from schemas.fields import Flag, Keyed, Line, Location, Part, PersonName, Phone, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Entrance(Part):
    """One entrance (单元) of a building with its head."""

    head = PersonName("单元长", "Entrance head")
    phone = Phone("电话", "Phone")


class Building(Kind):
    """A building; a lane of a bungalow area counts as one."""

    info = KindInfo(
        name="building",
        label=Label("楼栋", "Building"),
        group="place",
        title=("compound_id.name", "no"),
        parent="compound_id",
        laptop=frozenset({"create", "update"}),
        staff=frozenset({"create", "update"}),
    )

    compound_id = Ref("小区", "Compound", "compound", required=True, column=True, policy="review")
    no = Line("楼号", "Building no.", required=True, search=True, column=True, longest=30)
    floors = Whole("层数", "Floors", least=1, most=150, column=True)
    entrances = Whole("单元数", "Entrances", least=1, most=100)
    lift = Flag("有电梯", "Has a lift")
    high_rise = Flag("高层", "High-rise")
    head = PersonName("楼栋长", "Building head", search=True, group="local")
    head_phone = Phone("楼栋长电话", "Building head's phone", group="local")
    entrance_heads = Keyed("单元长", "Entrance heads", Entrance, privacy="personal", group="local")
    location = Location("位置坐标", "Location")
