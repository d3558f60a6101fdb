"""correction 退回修改: staff ask a worker to correct or to check what he sent, field by field."""

from schemas.fields import Code, Flag, Keyed, Line, Moment, Paragraph, Ref
from schemas.fields.keyed import Part
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Mark(Part):
    """What is wrong with one field; the key is the field's name."""

    # What a value ought to be may be personal itself (services/privacy_correction.py).
    words = Line("要求", "What to do", required=True, longest=200, privacy="personal")


class Correction(Kind):
    """Lies where the record it speaks of lies, or where the worker who is asked gets it; closed by
    his answer or by staff."""

    info = KindInfo(
        name="correction",
        label=Label("退回修改", "Returned for correction"),
        group="notice",
        reach="community",
        title=("asked_at",),
        parent="target_id",
        laptop=frozenset({"update"}),
        staff=frozenset({"create", "update", "void"}),
        dated_by="asked_at",
        addressee="asked_of",
        answers=frozenset({"answer", "reply", "answer_id", "closed"}),
        retention="people",
        retention_words=("words", "reply"),
    )

    target_kind = Line("记录类别", "Kind of record", required=True, longest=40)
    target_id = Ref("记录", "Record", "record", required=True)
    change_id = Ref("变更", "Change", "change", required=True)
    conflict_id = Ref("冲突", "Conflict", "conflict")
    asked_of = Ref("请谁修改", "Asked of", "user", required=True, column=True)
    words = Paragraph("说明", "Words", required=True, longest=1000, column=True)
    marked = Keyed("标记字段", "Marked fields", Mark)
    asked_by = Ref("退回人", "Asked by", "user", required=True, column=True)
    asked_at = Moment("退回时间", "Asked at", required=True, column=True)
    answer = Code("答复", "Answer", "CORRECTION_ANSWER", column=True)
    reply = Paragraph("答复说明", "Reply", longest=500)
    answer_id = Ref("答复的变更", "Answering change", "change")
    closed = Flag("已办结", "Closed", column=True)
