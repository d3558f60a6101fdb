"""issue_step 流转: one immutable step in an issue's life; appended, never edited."""

from schemas.fields import Code, Moment, Paragraph, Ref
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class IssueStep(Kind):
    """Steps travel with the action ``step``; what they did to the issue is folded from all."""

    info = KindInfo(
        name="issue_step",
        label=Label("流转", "Step"),
        group="issue",
        title=("at", "action"),
        parent="issue_id",
        laptop=frozenset({"step"}),
        staff=frozenset({"step"}),
        dated_by="at",
        only_author=True,
    )

    issue_id = Ref("事件", "Issue", "issue", required=True, column=True)
    action = Code("动作", "Action", "STEP_ACTION", required=True, column=True)
    from_state = Code("原状态", "From", "ISSUE_STATE", ask=False)
    to_state = Code("新状态", "To", "ISSUE_STATE", ask=False)
    at = Moment("时间", "At", required=True, column=True)
    text = Paragraph("意见", "Words", search=True, column=True)
    clock = Code("计时", "Clock", "CLOCK", ask=False)
