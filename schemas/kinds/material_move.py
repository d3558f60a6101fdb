"""material_move 材料收发: leaflets that came into a grid or left it other than on a visit."""

from schemas.fields import Code, Line, Moment, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class MaterialMove(Kind):
    """One movement of one material. What a grid has left is never stored: it is the sum of these
    and of what was handed out on visits (``schemas/materials.py``), so that no two laptops can
    overwrite it."""

    info = KindInfo(
        name="material_move",
        label=Label("材料收发", "Leaflets in and out"),
        group="field",
        title=("moved_at", "material", "move", "qty"),
        laptop=frozenset({"create", "update", "void"}),
        staff=frozenset({"create", "void"}),
        dated_by="moved_at",
        only_author=True,
    )

    moved_at = Moment("时间", "At", required=True, column=True)
    material = Code("材料", "Leaflet", "MATERIAL", required=True, column=True, carry=True)
    move = Code("收发", "Movement", "MATERIAL_MOVE", required=True, column=True)
    qty = Whole("数量（份）", "Quantity (sets)", required=True, least=1, most=100_000, column=True)
    campaign_id = Ref("敲门行动", "Knock campaign", "campaign", column=True)
    note = Line("说明", "Note", search=True)
