"""The command line: options, sub-commands, and one place where failures become sentences."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

import sync_server
from schemas.codes import code_list
from sync_server.cli import compiling, guarding, importing, logs, redrawing, retention
from sync_server.cli.commands import COMMANDS
from sync_server.cli.sentences import lines
from sync_server.cli.serving import MakeApp, serve
from sync_server.domain.errors import Refusal
from sync_server.settings import DEFAULT_DATA, Settings, from_environment
from sync_server.store.postgresql import why_not_reached

FAILED, INTERRUPTED = 1, 130


def run(argv: Sequence[str] | None, make_app: MakeApp) -> int:
    """Run one command line and return its exit status; ``make_app`` serves without sub-command."""
    for stream in (sys.stdout, sys.stderr):  # a Chinese Windows console is not UTF-8 by itself
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if argv is None else list(argv)
    args = parser().parse_args(arguments)
    settings = settings_of(args)
    logs.guard()
    try:
        check_readable([*arguments, str(settings.data), settings.database_url])
        if args.command is None:
            serve(settings, make_app, production=args.production, workers=args.workers)
        else:
            COMMANDS[args.command](settings, args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Refusal as refusal:
        for line in lines(_with_facts(refusal, settings)):
            print(line.rstrip(), file=sys.stderr)
        return FAILED
    return 0


def _with_facts(refusal: Refusal, settings: Settings) -> Refusal:
    """Return a refusal with what only the terminal tells: where the data lies, and why a database
    could not be reached."""
    facts = {"folder": settings.data, "file": settings.data / "centre.db"} | refusal.facts
    code = refusal.code
    if code == "database_unreachable":
        password = ""
        with contextlib.suppress(ArgumentError, ValueError):
            password = make_url(settings.database_url).password or ""
        code, facts["words"] = why_not_reached(refusal.__cause__, password)
    return Refusal(code, **facts)


def check_readable(texts: Iterable[str]) -> None:
    """Raise Refusal ``unreadable_words`` for what the terminal wrote in another encoding than the
    one its settings name: neither a database nor a message can carry it."""
    if any("\ud800" <= sign <= "\udfff" for text in texts for sign in text):
        raise Refusal("unreadable_words", encoding=sys.getfilesystemencoding())


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings a command line asks for."""
    return replace(
        Settings(),
        data=args.data,
        database_url=args.database_url or "",
        district=args.district,
        host=args.host,
        port=args.port,
        listen_remotely=args.listen_remotely,
        host_names=tuple(args.host_name),
        behind_tls=args.behind_tls,
        exchanges_at_once=args.exchanges,
        metrics_token=from_environment(os.environ).get("metrics_token", ""),
        json_logs=args.json_logs,
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line with its help."""
    known = from_environment(os.environ)
    top = argparse.ArgumentParser(
        prog="python -m sync_server",
        description="网格巡访 GridRounds，中心服务器。不带子命令即启动。"
        " The centre: without a sub-command it serves the API and the staff pages.",
        epilog="数据库第一次启动时自动建立并升级。"
        " The database is made and brought up to date at every start. The environment may name"
        " GRIDROUNDS_DATA, GRIDROUNDS_DATABASE_URL, GRIDROUNDS_DISTRICT, SERVER_PORT and"
        " GRIDROUNDS_METRICS_TOKEN (once set, whoever reads /metrics shows it), and for compiled"
        " modules GRIDROUNDS_COMPILED (another folder; 0: none).",
    )
    top.add_argument("--version", action="version", version=sync_server.__version__)
    _shared(top, known)
    _serving(top, known)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="子命令 sub-commands")
    _add_commands(commands)
    return top


def _shared(to: argparse.ArgumentParser, known: dict[str, str] | None) -> None:
    """Add the options every command takes; ``known`` None: after a sub-command's name."""

    def default(name: str, otherwise: Any) -> Any:
        return argparse.SUPPRESS if known is None else known.get(name, otherwise)

    to.add_argument(
        "--data",
        type=_folder,
        metavar="DIR",
        default=default("data", DEFAULT_DATA),
        help=f"数据文件夹 (data folder, default {DEFAULT_DATA})",
    )
    to.add_argument(
        "--database-url",
        metavar="URL",
        type=_not_empty,
        default=default("database_url", None),
        help="postgresql://… 代替内置数据库，可写多台主机"
        " (instead of the built-in SQLite; may name several hosts)",
    )
    to.add_argument(
        "--district",
        metavar="CODE",
        default=default("district", ""),
        help="区县代码，6位 (district, 6 digits; the only one there is by default)",
    )


def _serving(top: argparse.ArgumentParser, known: dict[str, str]) -> None:
    group = top.add_argument_group("启动 serving")
    group.add_argument("--host", default="127.0.0.1", help="监听地址 (address, default 127.0.0.1)")
    group.add_argument(
        "--port",
        type=_port,
        default=known.get("port", "8000"),
        help="端口 (port, default 8000; 0: any free one)",
    )
    group.add_argument(
        "--listen-remotely",
        action="store_true",
        help="允许别的电脑连接 (needed for an address beyond loopback)",
    )
    group.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="对外的域名，可多次 (a name the centre is reached by; repeatable)",
    )
    group.add_argument(
        "--behind-tls",
        action="store_true",
        help="前面有一层TLS代理 (behind one TLS proxy: trust its headers)",
    )
    group.add_argument(
        "--production",
        action="store_true",
        help="用 gunicorn 多进程 (several processes, by gunicorn)",
    )
    group.add_argument(
        "--workers",
        type=_at_least_one,
        default=2,
        metavar="N",
        help="进程数 (processes with --production, default 2)",
    )
    group.add_argument(
        "--json-logs",
        action="store_true",
        help="日志每行一个JSON，每个请求一行 (logs as one JSON object a line, a line a request)",
    )
    group.add_argument(
        "--exchanges",
        type=_at_least_one,
        default=Settings.exchanges_at_once,
        metavar="N",
        help="每个进程同时受理几次同步，其余稍后再来 (exchanges at a time in each process;"
        " others are asked to come back, default 6)",
    )


def _at_least_one(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"应是不小于1的整数 a whole number from 1 on: {text!r}")


def _add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def add(name: str, zh: str, en: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=f"{zh} {en}", description=f"{zh} {en}")
        _shared(one, None)
        return one

    add("init", "建立或升级数据库。", "Make the database or bring it up to date.")
    one = add(
        "add-user",
        "添加人员，打印其编号；这里设的密码，本人首次登录后要先换成自己的。",
        "Add a person and print the id; whom a password is set for has to choose another first.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="工号 (number, unique)")
    one.add_argument("--name", required=True, help="姓名 (name)")
    one.add_argument(
        "--role",
        required=True,
        choices=_roles(),
        metavar="ROLE",
        help=f"角色 (role): {', '.join(_roles())}",
    )
    one.add_argument(
        "--scope",
        action="append",
        metavar="CODE",
        help="辖区代码，可多次，默认全区县 (area code; repeatable; the district)",
    )
    one.add_argument("--kind", default="", help="人员类别 (USER_KIND code)")
    one.add_argument(
        "--unit",
        default="",
        metavar="NAME",
        help="部门或物业人员所代表的单位，名称或编号"
        " (the department or company somebody acts for, by name or id)",
    )
    _password_stdin(one)
    one = add(
        "set-password",
        "为忘记密码的人重设密码；已登录的退出，锁定解除。",
        "Set the password of somebody who forgot it; his sessions and a lock-out end.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="工号 (number)")
    _password_stdin(one)
    one = add(
        "deactivate-user",
        "停用离岗人员的账号：网页退出，其终端按已停用答复，记录都保留。",
        "Keep somebody out who left: his sessions end, his laptops are answered as revoked ones.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="工号 (number)")
    one = add("activate-user", "重新启用账号。", "Let somebody in again.")
    one.add_argument("--no", required=True, metavar="NO", help="工号 (number)")
    one = add(
        "join-code",
        "为网格员的电脑生成一次性加入码，72小时有效。",
        "Print a one-time code for a worker's laptop, valid 72 hours.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="网格员工号 (the worker's number)")
    one = add(
        "reassign",
        "从现在起改由某网格员负责这些网格；以前的归属不变。",
        "Give a worker these grids, and no others, from now on.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="网格员工号 (the worker's number)")
    one.add_argument(
        "--grids", required=True, nargs="+", metavar="CODE", help="网格代码 (grid codes)"
    )
    redrawing.add_options(add)
    guarding.add_options(add)
    _add_demo_world(add)
    importing.add_options(add)
    add(
        "replay",
        "升级之后，重新判断旧程序不认识的变更（每次启动也会自动做）。",
        "Judge again what an older program did not understand (done at every start as well).",
    )
    add(
        "run-due",
        "办理到时间的事：核查后三天无评价的办结，挂账到期的恢复，查找重复，封存月度统计，链接审计（服务器运行时每分钟自动做）。",
        "Take the steps whose time has come, look for duplicates, close months' figures, link the"
        " audit (a server does it every minute).",
    )
    retention.add_options(add)
    add(
        "partition",
        "把 PostgreSQL 的大表按区县（变更日志再按月）分区，逐表核对；服务器须先停止，可以重做。",
        "Put PostgreSQL's large tables into parts by district, the log by month too; each is"
        " compared. Stop the server first; running it again goes on, or adds what is missing.",
    )
    add(
        "move-to",
        "把内置数据库迁到 --database-url 指明的空 PostgreSQL 库，逐表核对；服务器须先停止。",
        "Move the built-in database into the empty PostgreSQL one --database-url names; each table"
        " is compared. Stop the server first.",
    )
    compiling.add_options(add)
    one = add("backup", "备份数据库并核对。", "Write a verified copy of the database.")
    place = one.add_mutually_exclusive_group()
    place.add_argument(
        "--to", type=Path, metavar="FILE", help="目标文件 (default: backups/ in the data folder)"
    )
    place.add_argument(
        "--keep",
        type=_at_least_one,
        metavar="N",
        help="备份做好并核对后，backups/ 里只留最新的N份，逐一打印删掉的"
        " (once it is written, leave the newest N in backups/ and print what is removed;"
        " all stay by default)",
    )
    one = add(
        "relay",
        "收入终端写的中转文件，写出回执。",
        "Take in a relay file of a laptop and write its receipt.",
    )
    one.add_argument("file", type=Path, metavar="FILE", help=".gridbatch")
    one.add_argument(
        "--out", type=Path, required=True, metavar="RECEIPT", help="回执文件 (.gridreceipt)"
    )
    one = add(
        "restore",
        "用备份恢复数据库；现有的数据库另存，不删除。服务器须先停止。",
        "Restore the database from a backup; the present one is kept aside. Stop the server first.",
    )
    one.add_argument("file", type=Path, metavar="FILE", help="备份文件 (a file of `backup`)")


def _password_stdin(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--password-stdin",
        action="store_true",
        help="从标准输入读密码 (read the password's line from standard input)",
    )


def _add_demo_world(add: Any) -> None:
    one = add("demo-world", "在空库中装入演示数据。", "Load a demo world into an empty database.")
    one.add_argument(
        "--world",
        default="S",
        choices=["S", "A", "B"],
        help="S 一个社区，A 整个镇，B 一个区一年的事件"
        " (S: one community, A: the whole town, B: a district's year of issues)",
    )
    one.add_argument("--seed", type=int, default=1, help="随机种子 (seed, default 1)")
    one.add_argument(
        "--today",
        type=_day,
        default="2026-09-30",
        metavar="DAY",
        help="世界里的今天 (today in the world, default 2026-09-30)",
    )
    one.add_argument(
        "--files",
        type=Path,
        metavar="DIR",
        help="写成文件而不装入 (write files instead of loading)",
    )
    one.add_argument(
        "--as-xlsx",
        type=Path,
        metavar="DIR",
        help="把底数写成 XLSX 台账，供 import 导入 (write the base data as registers for import)",
    )
    one.add_argument(
        "--silent-laptop",
        metavar="NO",
        help="给这名网格员一台四天没有同步的终端 (give this worker a laptop silent for four days)",
    )
    one.add_argument(
        "--check",
        action="store_true",
        help="B：核对全年的标准数字，不符即失败 (B: compare the year with its golden numbers)",
    )
    one.add_argument(
        "--part",
        type=_at_least_one,
        default=1,
        metavar="N",
        help="B：只做N分之一 (B: one N-th of it)",
    )
    one.add_argument(
        "--json",
        action="store_true",
        help="以JSON打印结果和账号 (print facts and accounts as one JSON line)",
    )
    one.add_argument(
        "--progress",
        action="store_true",
        help="不在终端也显示进度 (show progress even without a terminal)",
    )


def _folder(text: str) -> Path:
    return Path(_not_empty(text))


def _not_empty(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "应写明，不能为空（变量没有设？） it is empty; is a variable not set?"
        )
    return text


def _port(text: str) -> int:
    with contextlib.suppress(ValueError):
        port = int(text)
        if 0 <= port <= 65535:
            return port
    raise argparse.ArgumentTypeError(
        f"端口应是0至65535的整数 a port is a whole number from 0 to 65535 (SERVER_PORT): {text!r}"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"日期应写成 2026-09-30 a day reads 2026-09-30: {text!r}"
        ) from None


def _roles() -> list[str]:
    return [item.code for item in code_list("ROLE").items]
