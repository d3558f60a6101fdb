"""Every failure by its code: what a person is told, in both languages, with the facts it needs.

Pages and commands both speak from this one table; `web/errors.py` adds the status of a page.
"""

from __future__ import annotations

from typing import Any

from schemas.labels import Label


class Trouble(Exception):
    """Something a service could not do; ``code`` is stable and ``facts`` fill its sentence."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


SENTENCES: dict[str, Label] = {
    # The store
    "store_damaged": Label(
        "本机数据文件已损坏，程序没有改动它。请不要删除数据文件夹，也不要重新加入，"
        "联系管理员用每日备份恢复；已上传的记录都在服务器上。",
        "The data file on this laptop is damaged; it was left as it is. Do not delete its folder "
        "and do not join again: ask your administrator to restore a daily copy. What was sent is "
        "at the centre.",
    ),
    "commits_missing": Label(
        "本机数据比最后一次保存的要旧，缺少最新的记录。可以打开剩下的数据，同步时会重新取回。",
        "The data on this laptop is older than what was last saved. You can open what is left; the "
        "next sync fetches what the centre has.",
    ),
    "store_busy": Label(
        "数据正被另一个正在运行的网格巡访使用，请先把它锁定或关闭。",
        "Another running copy of this program is using the data; lock or close it first.",
    ),
    "disk_full": Label(
        "磁盘已满或拒绝写入，这次没有保存。请清出空间后重新打开程序；已保存的记录都在。",
        "The disk is full or refuses to write; this was not saved. Free some space and start the "
        "program again; everything saved before is safe.",
    ),
    "disk_full_locked": Label(
        "磁盘已满，暂时打不开数据。已保存的记录都在，没有丢失。请先腾出几百MB：清空回收站，删掉“下载”里不要的文件，卸载不用的程序，然后再输口令解锁。不要动这个文件夹，没上传的记录只在里面：{folder}",
        "The disk is full, so the data cannot be opened now. Everything that was saved is still "
        "there; nothing is lost. First free some hundred megabytes: empty the recycle bin, delete "
        "downloads you do not need, remove programs nobody uses; then unlock again. Leave this "
        "folder alone, for what is not sent yet is only there: {folder}",
    ),
    "store_closed": Label(
        "已经锁定，请输入口令后再试。", "Locked; unlock with your passphrase and try again."
    ),
    "store_newer": Label(
        "本机数据由更新版本的程序写成，请升级程序。",
        "A newer version of the program wrote this data; please upgrade.",
    ),
    "store_interrupted": Label(
        "保存时被打断，请重新打开程序查看是否已保存。",
        "Saving was interrupted; start the program again to see whether it was saved.",
    ),
    "unsafe_sqlite": Label(
        "本机的数据库组件版本不安全，为免丢失记录，程序没有打开数据。请重新安装程序。",
        "The database library on this computer is not safe to use, so no data was opened. Please "
        "reinstall the program.",
    ),
    "wrong_passphrase": Label("口令不正确，请再试。", "The passphrase is wrong; try again."),
    "wrong_passphrase_wait": Label(
        "口令不正确，{seconds}秒后可以再试。",
        "The passphrase is wrong. You can try again in {seconds} seconds.",
    ),
    "too_many_attempts": Label(
        "口令多次不正确，请等{seconds}秒再试。",
        "Too many wrong attempts. Wait {seconds} seconds and try again.",
    ),
    "recovery_key_mistyped": Label(
        "恢复码输入有误，请逐组核对。",
        "The recovery key was mistyped; compare it group by group.",
    ),
    "weak_passphrase": Label(
        "口令至少8个字符。", "The passphrase needs at least 8 characters."
    ),
    "passphrases_differ": Label(
        "两次输入的口令不一致。", "The two passphrases are not the same."
    ),
    "unknown_worker": Label(
        "本机没有这位网格员的数据。", "This laptop holds no data of that worker."
    ),
    "worker_exists": Label(
        "这位网格员在本机已有数据。请填原来的口令再试一次，加入码不变。",
        "This worker has data on this laptop already. Try again with the passphrase used before "
        "and the same code.",
    ),
    "not_joined": Label(
        "尚未加入任何服务器，请先用加入码加入。",
        "Not joined to a centre yet; use your join code first.",
    ),
    "data_dir_unusable": Label(
        "数据文件夹无法使用：{path}", "The data folder cannot be used: {path}"
    ),
    # The road to the centre
    "bad_address": Label(
        "服务器地址不正确，应类似 https://grid.example.cn 。",
        "The server's address is not right; it looks like https://grid.example.cn .",
    ),
    "plain_http": Label(
        "这个地址没有加密（http）。只有单位内网才可勾选允许。",
        "This address is not encrypted (http). Allow it only inside a closed intranet.",
    ),
    "unreachable": Label(
        "连不上服务器，请检查网络。记录都在本机，可稍后再试。",
        "The server cannot be reached; check the network. Everything is kept here; try later.",
    ),
    "join_unreachable": Label(
        "连不上这个地址。请核对服务器地址和网络，再按“加入”。",
        "Nothing answers at this address. Check the server's address and the network, then join "
        "again.",
    ),
    "join_timeout": Label(
        "服务器没有及时回应。请稍后再按“加入”，加入码仍可使用。",
        "The server did not answer in time. Join again later; the code can still be used.",
    ),
    "join_elsewhere": Label(
        "回应不是来自网格巡访服务器。请核对服务器地址；也可能需要先登录上网认证页面。",
        "The answer did not come from a GridRounds server. Check the server's address; the network "
        "may also ask you to sign in first.",
    ),
    "join_garbled": Label(
        "服务器的回答在路上变了样，读不出来。请再按“加入”，加入码仍可使用；若总是这样，请换一个网络，并告诉管理员。",
        "The server's answer was altered on its way and cannot be read. Join again; the code can "
        "still be used. Should it go on, use another network and tell your administrator.",
    ),
    "timeout": Label(
        "服务器没有及时回应，稍后会再试。记录都在本机。",
        "The server did not answer in time; it will be tried again. Everything is kept here.",
    ),
    "tls_failed": Label(
        "服务器的安全证书不可信，没有发送任何内容。请先看电脑的日期和时间对不对，再联系管理员。",
        "The server's certificate is not trusted; nothing was sent. See first whether this "
        "computer's date and time are right, then ask your administrator.",
    ),
    "not_tls": Label(
        "这个地址的端口不支持加密（https），没有发送任何内容。请核对地址和端口；"
        "单位内网不加密的，地址要以 http:// 开头，并勾选允许。",
        "The port at this address does not speak https; nothing was sent. Check the server's "
        "address and port. Inside a closed intranet without encryption the address begins with "
        "http:// and has to be allowed.",
    ),
    "not_our_server": Label(
        "回应不是来自网格巡访服务器（可能需要先登录上网认证页面），没有记为已上传。"
        "请用浏览器打开任意网站，登录后再同步；记录都在本机。",
        "The answer did not come from a GridRounds server (the network may ask you to sign in "
        "first); nothing was marked as sent. Open any web site, sign in there and sync again; "
        "everything is kept here.",
    ),
    "bad_token": Label(
        "服务器不认识本终端，请向社区索取新的加入码重新加入。记录都在本机。",
        "The server does not know this device; ask for a new join code. Everything is kept here.",
    ),
    "device_revoked": Label(
        "本终端已被停用，不再接收上传。记录都保留在本机，请联系管理员。",
        "This device has been revoked and may not send. Everything is kept here; ask your "
        "administrator.",
    ),
    "not_rescued": Label(
        "还有内容没有确认到达服务器，不能销毁本机数据。",
        "Not everything is confirmed to be at the centre; the data here cannot be destroyed.",
    ),
    "not_revoked": Label(
        "本终端没有被停用，不能销毁本机数据。",
        "This device has not been revoked; its data cannot be destroyed.",
    ),
    "words_differ": Label(
        "输入的文字不对，没有销毁任何内容。", "The words do not match; nothing was destroyed."
    ),
    "busy": Label(
        "服务器正在处理本终端的上一次同步，稍后会再试。",
        "The server is still busy with this device's last sync; it will be tried again.",
    ),
    "server_busy": Label(
        "服务器繁忙，{seconds}秒后会再试。",
        "The server is busy; it will be tried again in {seconds} seconds.",
    ),
    "server_busy_for_now": Label(
        "服务器繁忙，稍后会再试。记录都在本机。",
        "The server is busy; it will be tried again. Everything is kept here.",
    ),
    "server_error": Label(
        "服务器出错（{status}），稍后会再试。记录都在本机。",
        "The server failed ({status}); it will be tried again. Everything is kept here.",
    ),
    "refused": Label(
        "服务器没有接受这次同步（{reason}）。记录都在本机，请把这句话告诉管理员。",
        "The server did not accept this sync ({reason}). Everything is kept here; tell your "
        "administrator.",
    ),
    "bad_envelope": Label(
        "服务器读不懂本终端这次发送的内容，没有收下。记录都在本机，请联系管理员。",
        "The server cannot make sense of what this device sends; nothing was taken. Everything is "
        "kept here; ask your administrator.",
    ),
    "too_large": Label(
        "有一条记录太长，服务器不接受。记录都在本机，请联系管理员。",
        "One record is too long for the server. Everything is kept here; ask your administrator.",
    ),
    "client_too_old": Label(
        "程序版本太旧：上传照常，下载已停，请升级。",
        "This program is too old: sending still works, receiving stopped; please upgrade.",
    ),
    "bad_reply": Label(
        "服务器的回答不完整或对不上，没有记为已上传，稍后会再试。",
        "The server's answer was incomplete or did not fit; nothing was marked as sent.",
    ),
    "garbled_reply": Label(
        "服务器的回答在路上变了样，读不出来，没有记为已上传，稍后会再试。记录都在本机。若总是这样，请换一个网络，并告诉管理员：中间的代理或网关可能改动了内容。",
        "The server's answer was altered on its way and cannot be read; nothing was marked as sent "
        "and it will be tried again. Everything is kept here. Should it go on, use another network "
        "and tell your administrator: a proxy or gateway in between may be altering what passes.",
    ),
    "scope_shrinks": Label(
        "服务器要从本机移除{gone}条记录（共{total}条）。请确认后再继续同步。",
        "The server wants to remove {gone} of {total} records from this laptop. Please confirm "
        "before the sync goes on.",
    ),
    "other_round": Label("正在同步，请稍候。", "A sync is running already; please wait."),
    "round_interrupted": Label(
        "同步中途被打断（程序关闭、锁定或断电），没有做完。记录没有丢失，已确认的仍然有效；其余仍在本机，下次同步接着传。",
        "The sync was cut short: the program was closed or locked, or lost its power. Nothing is "
        "lost. What was confirmed stays confirmed; the rest is on this laptop and goes with the "
        "next sync.",
    ),
    "unexpected": Label(
        "程序遇到意外错误，已保存的记录都在。", "Something went wrong; what was saved is safe."
    ),
    "bad_code": Label(
        "加入码不正确或已过期，请核对，或向社区索取新的。",
        "The join code is wrong or has expired; check it or ask for a new one.",
    ),
    "code_used": Label(
        "加入码已经用过，请向社区索取新的。",
        "The join code was used already; ask for a new one.",
    ),
    "rate_limited": Label(
        "尝试太频繁，请等{seconds}秒再试。", "Too many attempts; wait {seconds} seconds."
    ),
    "missing": Label("请填写此项。", "Please fill this in."),
    "groups_differ": Label(
        "与恢复码不一致，请看着抄写的恢复码再填。",
        "That does not match; look at what you wrote down.",
    ),
    "out_of_choice": Label("不在可选范围内。", "Outside what can be chosen."),
    # Photos
    "bad_photo": Label(
        "这个文件不是照片，或者已损坏，没有加上。可以用 JPG、PNG 或 WebP 格式。",
        "This file is no photo, or is damaged; it was not added. JPG, PNG and WebP are taken.",
    ),
    "huge_photo": Label(
        "照片太大（超过{most}百万像素），没有加上。请缩小后再试。",
        "The photo is too large (over {most} million pixels) and was not added; make it smaller.",
    ),
    "no_photo_here": Label(
        "这条记录现在不能加照片。", "Photos cannot be added to this record now."
    ),
    "too_many_photos": Label(
        "一条记录最多{most}张照片。", "A record has at most {most} photos."
    ),
    "no_photo_chosen": Label("请先选择照片。", "Choose a photo first."),
    "photo_storage_full": Label(
        "记录已上传；服务器存放照片的空间已满，照片留在本机，稍后再传。",
        "The records are sent; the centre has no room for photos. They stay here and go later.",
    ),
    # Relay files
    "stick_unusable": Label(
        "这个文件夹不存在或不能写入，没有写成。请检查U盘是否插好。",
        "The folder is not there or cannot be written to; nothing was written. Check the stick.",
    ),
    "stick_has_file": Label(
        "这个名字的文件已经存在，没有写成，原来的文件没有改动。请换一个文件夹或名字。",
        "A file of that name is there already; it was left alone and nothing was written. Choose "
        "another folder or name.",
    ),
    "relay_name": Label(
        "中转文件的名字要以 {suffix} 结尾，没有写成。",
        "The name of a relay file ends in {suffix}; nothing was written.",
    ),
    "no_folder": Label("请填写U盘的文件夹。", "Name the folder of the stick."),
    "stick_lies": Label(
        "写完后读回核对不一致，没有写成：U盘可能损坏或被提前拔出。请换一个U盘再写。",
        "What was read back differs from what was written: the stick may be broken or was taken "
        "out early. Nothing was written; use another stick.",
    ),
    "stick_full": Label(
        "U盘空间不够，没有写成。本机的记录都在。",
        "The stick has no room left; nothing was written. Everything is kept here.",
    ),
    "no_receipt_chosen": Label("请先选择回执文件。", "Choose the receipt first."),
    "no_receipt_there": Label("这个文件读不了。", "That file cannot be read."),
    "receipt_not_ours": Label(
        "这不是网格巡访的回执，请选择 .gridreceipt 文件。",
        "This is no receipt; choose a .gridreceipt file.",
    ),
    "receipt_is_batch": Label(
        "这是本机写的中转文件，要交给中心。请选择中心给的 .gridreceipt 文件。",
        "This is a file a laptop wrote; it goes to the centre. Choose the .gridreceipt file.",
    ),
    "receipt_newer": Label(
        "回执由更新版本的程序写成，请升级程序后再读。",
        "A newer version of the program wrote this receipt; please upgrade first.",
    ),
    "receipt_damaged": Label(
        "回执不完整，或不是本中心给的，没有记下任何内容。请到中心重新下载。",
        "The receipt is incomplete or not the centre's; nothing was marked. Fetch it again.",
    ),
    "receipt_of_other": Label(
        "这份回执不是给本机这位网格员的，没有记下任何内容。",
        "This receipt is for another laptop or worker; nothing was marked.",
    ),
    "receipt_taken": Label(
        "这份中转文件的回执已经在{at}读入过。",
        "The receipt for this file was read in already, at {at}.",
    ),
    # Pages
    "no_grids": Label(
        "您现在没有负责的网格，不能开始巡查。请先同步；同步后仍没有，请联系社区。",
        "You are responsible for no grid now, so no patrol can be begun. Sync first; if there is "
        "none then, ask the community.",
    ),
    "bad_host": Label("只接受本机浏览器的访问。", "Only this computer's own browser may ask."),
    "cross_site": Label("请求来自别的网站，已拒绝。", "The request came from another site."),
    "form_expired": Label(
        "页面已过期（程序重启过或已锁定）。请返回上一页，刷新后再提交；草稿都已保存。",
        "This page has expired (the program was restarted or locked). Go back, reload and submit "
        "again; drafts are saved.",
    ),
    "not_found": Label("没有这个页面或记录。", "There is no such page or record."),
    "bad_type": Label("提交的内容格式不对。", "What was sent has the wrong format."),
    "form_too_large": Label("提交的内容太大。", "What was sent is too large."),
    "not_possible": Label("这个操作在这里不能用。", "That cannot be done here."),
    # Commands
    "port_in_use": Label(
        "端口{port}已被占用。网格巡访可能已在运行：{address} ；也可用 --port 换一个端口。",
        "Port {port} is in use. The program may be running already at {address} ; or choose "
        "another with --port.",
    ),
    "not_loopback": Label(
        "只能监听本机地址（127.0.0.1、::1、localhost），不能是 {host}。",
        "It may listen on this computer only (127.0.0.1, ::1, localhost), not on {host}.",
    ),
    "no_workers": Label(
        "本机还没有网格员加入。请先运行 python -m field_app 并用加入码加入。",
        "No worker has joined on this laptop yet. Run python -m field_app and join with a code.",
    ),
    "which_worker": Label(
        "本机有多位网格员，请用 --worker 指明：{workers}",
        "Several workers use this laptop; name one with --worker: {workers}",
    ),
    "passphrase_missing": Label(
        "没有口令。请在终端中运行并输入，或设置环境变量 GRIDROUNDS_PASSPHRASE。",
        "No passphrase. Run this in a terminal and type it, or set GRIDROUNDS_PASSPHRASE.",
    ),
    "no_such_copy": Label("没有这个备份。", "There is no such copy."),
    "copy_not_whole": Label(
        "备份文件不完整，没有恢复，原来的文件没有动。",
        "The copy is not whole; nothing was restored, the store's files are as they were.",
    ),
    "nothing_sent_yet": Label("还没有发送过任何批次。", "No batch has been sent yet."),
    "unhealthy": Label("数据检查发现问题：{problems}", "The check found problems: {problems}"),
    "still_unsent": Label(
        "还有{count}条没有得到服务器确认。", "{count} changes are not confirmed by the server yet."
    ),
}  # fmt: skip


def sentence(code: str, lang: str, **facts: Any) -> str:
    """Return what a person is told about ``code``; an unknown code is named as it is.

    Facts the sentence asks for but were not given are shown as a question mark. A busy server that
    does not say for how long is not said to be free in no time.
    """
    if code == "server_busy" and not facts.get("seconds"):
        code = "server_busy_for_now"
    label = SENTENCES.get(code)
    if label is None:
        return code
    return label.text(lang).format_map(_Known(facts))


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
