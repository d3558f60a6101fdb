"""seen 已查看: staff have opened a record; tells its author that somebody read it."""

from schemas.fields import Line, Moment, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Seen(Kind):
    """One mark per record and version, made by the centre, travelling down only."""

    info = KindInfo(
        name="seen",
        label=Label("查看标记", "Seen mark"),
        group="notice",
        reach="community",  # a mark lies where its record lies
        title=("target_kind", "seen_at"),
        laptop=frozenset(),
        staff=frozenset({"create", "update"}),
        dated_by="seen_at",
    )

    target_kind = Line("记录类别", "Kind of record", required=True, longest=40)
    target_id = Ref("记录", "Record", "record", required=True)
    target_version = Whole("记录版本", "Version", required=True)
    seen_by = Ref("查看人", "Seen by", "user", required=True)
    seen_at = Moment("查看时间", "Seen at", required=True)
