"""The one place where a failure's code becomes a page: its status and its sentence.

The exchange API answers its own failures (``web/problems.py``); here are the pages'.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_babel import lazy_gettext as later
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from sync_server.domain.errors import Refusal
from sync_server.web.i18n import language, moment

log = logging.getLogger(__name__)

SENTENCES = {
    # signing in
    "sign_in_failed": later("工号或密码不对。"),
    "locked_out": later("连续输错多次，此工号已暂停登录，请在 %(until)s 之后再试。"),
    "demo_outside": later("演示账号只能用于演示数据。"),
    "code_wrong": later("验证码不对、已过期或已用过。请用手机上现在显示的那一个。"),
    "second_factor_gone": later("没有要验证的：第二重验证已解除，或还没有开始设置。"),
    "second_factor_there": later("已经设置了第二重验证。换手机请管理员先解除，再重新设置。"),
    "prove_again": later("请先确认是您本人。"),
    "password_wrong": later("密码不对。"),
    "code_or_password_wrong": later("密码或验证码不对。"),
    "session_ended": later("您已退出，或离开超过30分钟，请重新登录。"),
    # accounts
    "weak_password": later("密码应为%(least)s至200个字符。"),
    "passwords_differ": later("两次输入的新密码不同。"),
    "same_password": later("新密码和原密码一样，请换一个。"),
    "old_password_wrong": later("原密码不对。"),
    "own_account": later("自己的密码请在“修改密码”中改；自己的账号要请别的管理员停用。"),
    "account_elsewhere": later("此人的辖区不全在您的辖区内，请找上级管理员。"),
    "laptop_only": later("网格员不在中心登录：他的口令只在自己的终端上，忘了用恢复码重设。"),
    # asking
    "not_found": later("没有这个页面或记录，或者不在您的辖区内。"),
    "unknown_record": later("没有这个页面或记录，或者不在您的辖区内。"),
    "unknown_kind": later("没有这个页面或记录，或者不在您的辖区内。"),
    "unknown_user": later("没有这个页面或记录，或者不在您的辖区内。"),
    "not_allowed": later("您的角色不能这样做。"),
    "step_overtaken": later("情况刚有变化，这一步现在不能做。请看过下面的经过再定。"),
    "not_possible": later("这个地址不能这样访问。"),
    "bad_request": later("请求不完整，请返回上一页重试。"),
    "form_expired": later(
        "表单已失效，没有提交。请先把填好的文字复制下来，再重新打开这一页填写；刷新会清空已填的内容。"
    ),
    "sign_in_again": later("请再输一次密码。"),
    "form_kept": later("您填写的内容还在，登录后放回表单。"),
    "bad_host": later("这个地址不是本服务器登记的名称，请向管理员询问正确的地址。"),
    "too_large": later("提交的内容太大。"),
    "too_often": later("操作太频繁，请稍等一分钟再试。"),
    "reason_needed": later("请写明查看原因（%(least)s 至 %(most)s 字）。"),
    "bad_fields": later("有填报项需要改正。"),
    "out_of_date": later("这条记录刚被别人改过，请核对后再提交。"),
    "conflicts_first": later("其中一条还有未裁决的冲突，请先裁决再合并。"),
    "later_merge_first": later("合并后的记录后来又并入了另一条，请先撤销那一次合并。"),
    "choose_one": later("还没有选。请给要裁决的项选一种办法。"),
    "moved_on": later("有人刚裁决过，或者记录刚有改动。什么都没有做，请看过现在的情况再定。"),
    "step_not_possible": later("这件事现在不能这样办理，可能刚有人办过。请看过现在的情况再定。"),
    "not_decided": later("还没有裁决：请看下面标出的地方。"),
    "doubted": later("还没有裁决：写的值看着不像。请核对下面标出的地方；确实如此，就再次提交。"),
    "two_values": later("同一项不能同时定成两个值，也不能又作废又修改。"),
    "choose_time": later("还没有选，也没有填。请勾选要确认的，或填上正确的时间。"),
    "bad_time": later("时间要写全，如 2026-09-30 08:41。"),
    "time_after_receipt": later("不能晚于收到的时间。"),
    "not_released": later("还不能放行：请看下面的原因，改好再放行，或退回修改。"),
    "return_words": later("退回修改要写明请填报人改什么。"),
    "dismiss_words": later("不予采纳要写明原因。"),
    "words_needed": later("请写明要核实什么。"),
    "words_too_long": later("说明最多1000字。"),
    "value_needed": later("请填写新的值。"),
    "states_needed": later(
        "这样定，关怀对象就算见到了，但没有写本人情况。请选“请填报人核实，暂不裁决”，由填报人补写。"
    ),
    "whole_district": later(
        "这里管的是全区县的事，您的账号只管其中一部分区域，因此不能使用。"
        "确有需要，请管理员另开一个辖区为全区县的账号。"
    ),
    "bad_scope": later("请选择您辖区内的区域。"),
    "no_grid": later("至少选择一个网格；不再负责任何网格的人，请停用其账号。"),
    "unit_has_work": later("这个单位还有 %(count)s 件未办结的事件，请先办结或改派，再停用。"),
    # privacy requests
    "answer_needed": later("请选择办理结果，并写明答复（不予办理的写明原因），最多 %(most)s 字。"),
    "identity_first": later("还没有核实身份：先核实是谁提出的，再办理。"),
    "choose_worker": later("请选择这个网格的一名网格员。"),
    "confirm_needed": later("还没有做：请先勾选“我已看过，确定停止使用”。"),
    # retention
    "retention_years": later("保存年限要填 1 至 %(most)s 的整数；不填就是不清理。"),
    "retention_no_period": later("还没有定保存年限，先定年限再列清单。"),
    "retention_under_way": later("已有一份清单在等确认或正在清空，请先办完那一份。"),
    "retention_nothing": later("没有到期的资料，没有列清单。"),
    "retention_same_person": later("列清单的人不能自己确认，请另一位管理员或区县人员确认。"),
    "retention_emptied": later("记录已按保存期限清空，不能恢复有效，也不能再拆开。"),
    "retention_unsure": later("还没有做：请先勾选“我已逐条看过，知道清空以后不能恢复”。"),
    # devices
    "grids_elsewhere": later("此人还负责您辖区外的网格，加入码要由区县开。"),
    # grids
    "area_ended": later("这个区域已经失效，不能再改。"),
    "area_not_empty": later("里面还有 %(count)s 条记录或下级区域，请先并入别的网格。"),
    "name_needed": later("请填写名称，最多200字。"),
    "buildings_needed": later("请勾选划出去的楼栋：不能一栋不选，也不能全选。"),
    "same_grid": later("不能并入自己，请选择另一个网格。"),
    "grids_full": later("这个区域下的编码已经用完。"),
    # deadlines
    "choose_day": later("请选择这一天上班还是休息。"),
    "note_too_long": later("说明最多 %(most)s 字。"),
    "bad_hours": later("每段时间要有开始和结束，结束晚于开始，各段按先后填写，不能重叠。"),
    "bad_limit": later("时限要填 1 至 %(most)s 的整数，并选择单位。"),
    "bad_period": later("时段的结束不能早于开始，最长 %(most)s 个月。"),
    "bad_rule": later("请选择环节；类别、级别、紧急程度要从列表中选。"),
    # relay files
    "relay_no_file": later("请先选择U盘上的中转文件。"),
    "relay_not_ours": later("这不是网格巡访的中转文件，什么都没有收入。请选择 .gridbatch 文件。"),
    "relay_other_kind": later("这是回执，应带回终端读入。请选择终端写的 .gridbatch 文件。"),
    "relay_newer": later("这个文件由更新版本的程序写成，请先升级服务器。"),
    "relay_other_recipient": later("这个文件是写给另一个中心的，请交到那里。什么都没有收入。"),
    "relay_damaged": later(
        "文件不完整或内容有改动（可能没有复制完），什么都没有收入。请从终端重新写一份。"
    ),
    "relay_unsigned": later("文件的签名不属于它所说的终端，什么都没有收入。请联系管理员。"),
    "relay_unknown_device": later("写这个文件的终端没有在本中心登记，什么都没有收入。"),
    "relay_too_large": later(
        "文件超过 %(megabytes)s MB，请管理员在服务器上用命令收入：python -m sync_server relay"
    ),
    # registers in spreadsheets
    "sheet_missing": later("请先选择文件。"),
    "sheet_unreadable": later(
        "这不是能读的表格文件（XLSX 或 CSV），或者已损坏。请另存为 XLSX 再上传。"
    ),
    "sheet_old": later("这是旧的 .xls 文件，请在表格软件中另存为 .xlsx 再上传。"),
    "sheet_locked": later("文件有密码，请先去掉密码再上传。"),
    "sheet_empty": later("表格里没有内容。"),
    "sheet_too_long": later("表格太长，请分成几个文件。"),
    "sheet_too_large": later(
        "文件超过 %(megabytes)s MB，请分成几个文件，或请管理员用 import 命令导入。"
    ),
    "columns_missing": later("还有必需的列没有对应，也没有统一填写。"),
    "import_state": later("这次导入已进入下一步，请看现在的情况。"),
    "import_of_other": later("各列由上传的人对应和检查；您可以放弃这次导入，或自己上传一份。"),
    "ledger_name": later("请给台账起一个名称（最多60字），不能与别的台账相同。"),
    "ledger_kind": later("请勾选台账要列出哪些记录。"),
    "unknown_ledger": later("没有这本台账。"),
    "import_gone": later("这次导入的文件已经删除，请重新上传。"),
    # the centre itself
    "unavailable": later("数据库正忙，请稍后再试。"),
    "database_unreachable": later("暂时连不上数据库，请稍后再试。"),
    "disk_full": later("服务器磁盘已满，请联系管理员。"),
    "folder_unusable": later("服务器的数据文件夹不能写入，请联系管理员。"),
    "database_damaged": later("数据库文件损坏，请联系管理员。"),
    "unexpected": later("服务器出错了，问题已记录。请稍后再试。"),
}
"""The sentence for each code a page can meet."""

STATUS = {
    "not_found": 404,
    "unknown_record": 404,
    "unknown_kind": 404,
    "unknown_user": 404,
    "session_ended": 401,
    "code_wrong": 422,
    "second_factor_gone": 409,
    "second_factor_there": 409,
    "prove_again": 403,
    "not_allowed": 403,
    "not_possible": 405,
    "too_large": 413,
    "relay_too_large": 413,
    "relay_no_file": 422,
    "relay_not_ours": 422,
    "relay_other_kind": 422,
    "relay_newer": 422,
    "relay_other_recipient": 422,
    "relay_damaged": 422,
    "relay_unsigned": 422,
    "relay_unknown_device": 422,
    "too_often": 429,
    "weak_password": 422,
    "passwords_differ": 422,
    "same_password": 422,
    "own_account": 403,
    "account_elsewhere": 403,
    "laptop_only": 422,
    "sign_in_failed": 403,
    "locked_out": 403,
    "demo_outside": 403,
    "out_of_date": 409,
    "conflicts_first": 409,
    "later_merge_first": 409,
    "step_not_possible": 409,
    "step_overtaken": 409,
    "reason_needed": 422,
    "bad_fields": 422,
    "bad_scope": 422,
    "whole_district": 403,
    "unit_has_work": 422,
    "area_ended": 409,
    "area_not_empty": 409,
    "name_needed": 422,
    "buildings_needed": 422,
    "same_grid": 422,
    "grids_full": 409,
    "no_grid": 422,
    "grids_elsewhere": 403,
    "note_too_long": 422,
    "bad_hours": 422,
    "bad_limit": 422,
    "bad_period": 422,
    "bad_rule": 422,
    "sheet_missing": 422,
    "sheet_unreadable": 422,
    "sheet_old": 422,
    "sheet_locked": 422,
    "sheet_empty": 422,
    "sheet_too_long": 422,
    "sheet_too_large": 413,
    "columns_missing": 422,
    "import_state": 409,
    "import_of_other": 409,
    "import_gone": 410,
    "ledger_name": 422,
    "answer_needed": 422,
    "identity_first": 409,
    "choose_worker": 422,
    "confirm_needed": 422,
    "retention_years": 422,
    "retention_no_period": 409,
    "retention_under_way": 409,
    "retention_nothing": 409,
    "retention_same_person": 403,
    "retention_emptied": 409,
    "retention_unsure": 422,
    "ledger_kind": 422,
    "unknown_ledger": 404,
    "unavailable": 503,
    "database_unreachable": 503,
    "disk_full": 507,
    "folder_unusable": 500,
    "database_damaged": 500,
    "unexpected": 500,
}
WITHOUT_DATABASE = frozenset({"unavailable", "database_unreachable", "database_damaged"})
"""Codes whose page is drawn without asking the database anything."""
AGAIN_S = 10
"""So soon a page that could not be drawn is asked for again: a standby takes over in seconds."""
OF_HTTP = {
    403: "not_allowed",
    404: "not_found",
    405: "not_possible",
    413: "too_large",
    429: "too_often",
    500: "unexpected",
    503: "unavailable",
}


def register(app: Flask) -> None:
    """Answer every failure outside the exchange API with a page that says what to do next."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(InternalServerError, _unexpected)


def status_of(code: str) -> int:
    """Return the HTTP status a code is answered with."""
    return STATUS.get(code, 400)


def sentence(refusal: Refusal) -> str:
    """Return the sentence for a refusal in the language of this request."""
    facts = dict(refusal.facts)
    if "until" in facts:
        facts["until"] = moment(facts["until"])
    return say(refusal.code, **facts)


def say(code: str, **facts: object) -> str:
    """Return the sentence for a code in the language of this request."""
    words = str(SENTENCES.get(code, SENTENCES["bad_request"]))
    return words % facts if facts else words


def page(code: str, **facts: object) -> Response:
    """Return the page for a code."""
    g.refused = code
    status = status_of(code)
    if code in WITHOUT_DATABASE:
        return _without_database(code, status)
    try:
        body = render_template("error.html", status=status, words=say(code, **facts), code=code)
    except Refusal as trouble:  # who is asking could not be looked up
        return _without_database(trouble.code, status_of(trouble.code))
    return make_response(body, status)


def _without_database(code: str, status: int) -> Response:
    """Return a page that names nobody and comes again by itself, unless a form was sent."""
    again_s = AGAIN_S if status == 503 and request.method == "GET" else None
    template = current_app.jinja_env.get_template("unavailable.html")
    body = template.render(status=status, words=say(code), lang=language(), again_s=again_s)
    answer = make_response(body, status)
    if status == 503:
        answer.headers["Retry-After"] = str(AGAIN_S)
    return answer


def _http(error: HTTPException) -> Response | HTTPException:
    if (error.code or 500) < 400:
        return error
    if isinstance(error, SecurityError):
        # Asked for under a foreign name: no page can be drawn, for none of our addresses holds.
        return Response(say("bad_host"), 400, mimetype="text/plain")
    answer = page(OF_HTTP.get(error.code or 500, "bad_request"))
    if allowed := getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    answer.status_code = error.code or 500
    return answer


def _refused(refusal: Refusal) -> Response:
    if status_of(refusal.code) >= 500:
        log.error("refused: %s", refusal.code)
    facts = {name: fact for name, fact in refusal.facts.items() if name != "until"}
    return page(refusal.code, **facts)


def _unexpected(error: InternalServerError) -> Response:
    return page("unexpected")
