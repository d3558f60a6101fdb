"""notice 通知: from the centre to the grids of an area."""

from schemas.fields import AreaCode, Code, Day, Line, Moment, Paragraph
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Notice(Kind):
    """Reaches every grid inside its area with the next sync."""

    info = KindInfo(
        name="notice",
        label=Label("通知", "Notice"),
        group="notice",
        title=("title",),
        reach="community",
        laptop=frozenset(),
        staff=frozenset({"create", "update", "void"}),
        dated_by="issued_at",
    )

    title = Line("标题", "Title", required=True, search=True, column=True, longest=80)
    text = Paragraph("正文", "Text", required=True, search=True)
    level = Code("重要程度", "Importance", "NOTICE_LEVEL", required=True, column=True)
    area_code = AreaCode("发放范围", "For area", required=True, column=True)
    issued_at = Moment("发布时间", "Issued at", required=True, column=True)
    valid_to = Day("有效期至", "Valid until")
