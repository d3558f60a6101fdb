"""photo 照片: what a picture belongs to and what it shows; its bytes travel apart (tus)."""

from schemas.fields import Code, Line, Moment, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label

MOST_BYTES = 524_288
"""A stored photo is at most this large."""
LONGEST_SIDE = 1_600
"""Photos are scaled down to this many pixels before they are stored."""


class Photo(Kind):
    """Made by the worker, never changed; lies where its record lies."""

    info = KindInfo(
        name="photo",
        label=Label("照片", "Photo"),
        group="field",
        reach="community",
        title=("use", "taken_at"),
        parent="owner_id",
        laptop=frozenset({"create", "void"}),
        staff=frozenset({"create", "void"}),
        dated_by="taken_at",
        only_author=True,
    )

    owner_type = Line("归属类别", "Kind of owner", required=True, longest=40)
    owner_id = Ref("归属", "Owner", "record", required=True)
    use = Code("用途", "Use", "PHOTO_USE", required=True, column=True)
    taken_at = Moment("拍摄时间", "Taken at", column=True)
    sha256 = Line("摘要", "SHA-256", required=True, longest=64)
    bytes = Whole("大小（字节）", "Size in bytes", required=True, least=1, most=MOST_BYTES)
    width = Whole("宽", "Width", least=1, most=LONGEST_SIDE)
    height = Whole("高", "Height", least=1, most=LONGEST_SIDE)
