"""notice_read 阅读标记: a worker has opened a notice; tells staff whom it has reached."""

from schemas.fields import Moment, Ref
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class NoticeRead(Kind):
    """Made on the laptop, once for each worker and notice, and never changed.

    The reader is the mark's author. A worker who opens a notice on two laptops before they sync
    leaves two marks; the earliest counts.
    """

    info = KindInfo(
        name="notice_read",
        label=Label("阅读标记", "Read mark"),
        group="notice",
        title=("notice_id.title", "read_at"),
        reach="community",
        parent="notice_id",
        laptop=frozenset({"create"}),
        dated_by="read_at",
        only_author=True,
    )

    notice_id = Ref("通知", "Notice", "notice", required=True)
    read_at = Moment("阅读时间", "Read at", required=True)
