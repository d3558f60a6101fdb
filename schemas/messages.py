"""What is wrong with a value: a stable code, its facts, and a plain sentence in both languages."""

from __future__ import annotations

from typing import Any

from schemas.labels import Label

MESSAGES: dict[str, Label] = {
    "required": Label("必须填写。", "This must be filled in."),
    "not_text": Label("应为文字。", "This must be text."),
    "too_long": Label("最多{max}个字。", "At most {max} characters."),
    "bad_characters": Label("含有不能保存的字符。", "Contains characters that cannot be stored."),
    "not_whole": Label("应为整数。", "This must be a whole number."),
    "out_of_range": Label("应在{min}到{max}之间。", "Must be between {min} and {max}."),
    "bad_amount": Label(
        "应为大于0的数，最多9位整数、2位小数。",
        "This must be a number above 0, with at most 9 digits and 2 decimals.",
    ),
    "not_flag": Label("应为是或否。", "This must be yes or no."),
    "bad_day": Label("日期应写作 2026-09-30。", "Write the date as 2026-09-30."),
    "bad_month": Label("年月应写作 1951-04。", "Write the month as 1951-04."),
    "bad_moment": Label(
        "日期和时间要写全，如 2026-09-30 08:41（传输时写作 2026-09-30T08:41:00+08:00）。",
        "Give both day and time, as in 2026-09-30 08:41 (sent as 2026-09-30T08:41:00+08:00).",
    ),
    "odd_year": Label("年份不对，请核对。", "The year cannot be right; please check it."),
    "bad_code": Label("不是有效的代码。", "Not a valid code."),
    "unknown_code": Label("代码表中没有“{value}”。", "The code list has no “{value}”."),
    "bad_reference": Label("不是有效的记录号。", "Not a valid record id."),
    "not_list": Label("应为列表。", "This must be a list."),
    "too_many": Label("最多{max}项。", "At most {max} entries."),
    "not_an_object": Label("格式不正确。", "The format is not right."),
    "bad_key": Label("条目编号不正确。", "The entry's key is not right."),
    "unknown_field": Label("没有这个填报项。", "There is no such field."),
    "bad_location": Label("坐标不正确。", "The coordinates are not right."),
    "bad_id_no": Label(
        "身份证号校验不通过，请核对18位号码。",
        "The ID number fails its check; please compare all 18 characters.",
    ),
    "id_division": Label(
        "身份证号的地区码查不到，请再核对。",
        "The ID number's division code is unknown; please check.",
    ),
    "odd_phone": Label("电话号码不常见，请再核对。", "An unusual phone number; please check."),
    "bad_uscc": Label("统一社会信用代码校验不通过。", "The social credit code fails its check."),
    "bad_area_code": Label("区域代码应为6至17位数字。", "An area code has 6 to 17 digits."),
    "nothing_changed": Label("没有任何改动。", "Nothing was changed."),
    "reason_required": Label("请说明原因。", "Please give the reason."),
    "guardian_required": Label("未满14周岁须填写监护人。", "A person under 14 needs a guardian."),
    "moved_out_day": Label(
        "写了迁出原因，还要填迁出日期；没有迁出就把原因删去。",
        "With a reason for moving out goes the day of it; if nobody moved, delete the reason.",
    ),
    "ends_before_start": Label("结束时间早于开始时间。", "The end is before the start."),
    "one_target": Label("请选择一户家庭或一间商铺。", "Choose one household or one shop."),
    "self_handled_level": Label(
        "只有一级事件可以自行处置。", "Only a level 1 issue can be self-handled."
    ),
    "self_handled_text": Label("自行处置须写明怎样处置。", "Say how the issue was handled."),
    "after_photo_wanted": Label(
        "这类事件办完一般要附“处置后”照片。请加一张；确实不便拍照的，写明原因即可保存。",
        "Work of this kind usually has a photo of afterwards. Add one, or say why there is none.",
    ),
    "note_empty": Label("请写几句，或加一张照片。", "Write a few words, or add a photo."),
    "step_not_now": Label(
        "情况已有变化，这一步现在不能做。可以改为“补充说明”保存，已填内容都在。",
        "Things have changed and this step cannot be taken now. Save it as a note instead; "
        "nothing you entered is lost.",
    ),
    "photo_not_saved": Label(
        "有一张照片没有存成，请先移去这张照片再保存。",
        "A photo could not be kept; remove it and save again.",
    ),
    "late_reason_required": Label(
        "超过24小时补录，请写明原因。", "Entered more than 24 hours later: give the reason."
    ),
    "in_future": Label(
        "时间在将来，请核对日期和本机时钟。",
        "This lies in the future; please check the date and this computer's clock.",
    ),
    "next_visit_late": Label(
        "下次探访定得太晚，仍按{day}提醒，请再核对。",
        "The next visit is too late; it will be asked for on {day}. Please check.",
    ),
    "next_visit_past": Label(
        "下次探访早于本次走访，请再核对。", "The next visit lies before this one; please check."
    ),
    "head_missing": Label("请写明见到的人。", "Say who was met."),
    "unknown_kind": Label("没有这种记录。", "There is no such kind of record."),
    "unknown_schema": Label("记录的版本比本程序新。", "The record is newer than this program."),
    "not_allowed": Label("这种记录不能这样修改。", "This kind of record cannot be changed so."),
    "not_your_kind": Label(
        "您的人员类别不能这样填报，请联系网格长。",
        "Your kind of worker may not do this; please ask the grid leader.",
    ),
    "grid_required": Label(
        "请选择这条记录属于哪个网格。", "Choose the grid that this record belongs to."
    ),
    "out_of_area": Label("不在您负责的网格内。", "Outside the grids you are responsible for."),
    "wrong_author": Label(
        "记录的填报人不是本终端的使用人。", "The author is not a user of this device."
    ),
    "wrong_kind": Label("记录号已用于另一种记录。", "The record id belongs to another kind."),
    "likely_same": Label("可能已经登记过。", "It may be registered already."),
    "already_exists": Label("这条记录已经存在。", "This record exists already."),
    "record_not_taken": Label(
        "它所属的记录没有被采用。", "The record it belongs to was not taken."
    ),
    "record_voided": Label("这条记录已作废。", "This record has been voided."),
    "too_large": Label("内容太长，请分开填写。", "Too large; please split it."),
    "device_revoked": Label(
        "本终端已停用，内容已收存，等工作人员处理。",
        "This device was revoked; what it brought is kept for staff to look at.",
    ),
    "too_deep": Label("内容层次太多。", "Nested too deeply."),
    "unreadable_at_centre": Label(
        "服务器多次没能处理这条记录，已原样收存，由工作人员查看。",
        "The centre failed at this several times; it is kept as it is for staff to look at.",
    ),
}


class Problem(str):
    """A message that keeps its code and facts; as a string it is the Chinese sentence."""

    code: str
    params: dict[str, Any]

    def __new__(cls, code: str, **params: Any) -> Problem:
        self = super().__new__(cls, MESSAGES[code].zh.format(**params))
        self.code = code
        self.params = params
        return self

    def text(self, lang: str) -> str:
        """Return the sentence in ``lang``."""
        return MESSAGES[self.code].text(lang).format(**self.params)

    def __reduce__(self) -> Any:
        return (_rebuild, (self.code, self.params))


def _rebuild(code: str, params: dict[str, Any]) -> Problem:
    return Problem(code, **params)
