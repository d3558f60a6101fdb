"""The laptop's commands: what can be done without a browser, and how the program is started.

Whatever goes wrong ends in one plain sentence, Chinese and then English, and a non-zero exit;
nothing that was saved is touched by a command that fails.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from field_app import __version__
from field_app.domain.errors import Trouble, sentence
from field_app.services import receipts
from field_app.services.batch import last_batch, next_batch
from field_app.services.desk import Desk, open_desk
from field_app.services.photos import waiting
from field_app.services.records import unsent_count
from field_app.services.relay import write_to
from field_app.services.relay_receipt import take_receipt_at
from field_app.services.troubles import trouble_of
from field_app.services.workspace import Workspace
from field_app.settings import DEFAULT_PORT, NotLoopback, Settings, default_data_dir
from field_app.store.copies import is_whole
from schemas.exchange import API

PASSPHRASE, NEW_PASSPHRASE = "GRIDROUNDS_PASSPHRASE", "GRIDROUNDS_NEW_PASSPHRASE"


def parser() -> argparse.ArgumentParser:
    """Return the command line: options of the program and its sub-commands."""
    top = argparse.ArgumentParser(
        prog="python -m field_app",
        description="网格巡访 GridRounds，网格员的电脑。不带子命令即打开页面。"
        " The grid worker's laptop: without a sub-command it serves the pages and opens them.",
        epilog="口令也可由环境变量 GRIDROUNDS_PASSPHRASE 给出。"
        " Sub-commands that open a store ask for the passphrase or read GRIDROUNDS_PASSPHRASE.",
    )
    top.add_argument("--version", action="version", version=__version__)
    _data_option(top, default_data_dir())
    port = os.environ.get("LAPTOP_PORT") or str(DEFAULT_PORT)  # a text: read as if it were typed
    top.add_argument("--port", type=_port, default=port,
                     help="端口，默认 5050 (port; LAPTOP_PORT)")  # fmt: skip
    top.add_argument("--host", default="127.0.0.1", help="只能是本机地址 (loopback addresses only)")
    top.add_argument("--server", default="", metavar="URL",
                     help="加入页预填的地址 (the address offered on the join page)")  # fmt: skip
    top.add_argument("--allow-http", action="store_true",
                     help="允许不加密地连接内网服务器 (plain http to an intranet)")  # fmt: skip
    top.add_argument("--proxy", default="", metavar="URL", help="HTTP代理 (an HTTP proxy)")
    top.add_argument("--no-browser", action="store_true", help="不打开浏览器 (open no browser)")
    top.add_argument("--no-auto-sync", action="store_true",
                     help="只手动同步 (sync by the button alone)")  # fmt: skip
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="子命令 sub-commands")
    _add_commands(commands)
    return top


def _add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def add(name: str, zh: str, en: str, *, worker: bool = True) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=f"{zh} {en}", description=f"{zh} {en}")
        # The option may stand before or after the sub-command's name.
        _data_option(one, argparse.SUPPRESS)
        if worker:
            one.add_argument("--worker", default="", metavar="ID",
                             help="哪一位网格员（编号或显示名） (which worker)")  # fmt: skip
        return one

    add(
        "status",
        "本机有谁、有多少未上传。",
        "Who uses this laptop and, with a passphrase, what is unsent.",
    )
    add("sync", "立即同步一次。", "Run one sync round and say how it ended.")
    add("backup", "做今天的加密备份。", "Make today's encrypted copy.")
    one = add(
        "restore",
        "用备份恢复，旧文件改名保留。",
        "Put a copy in the store's place; nothing is deleted.",
    )
    one.add_argument("--from", dest="copy", default="", metavar="FILE",
                     help="备份文件名，默认最后做的 (by default the one made last)")  # fmt: skip
    one = add("show-batch", "显示下一次上传的内容和 curl 命令。",
              "Print the body of the next POST /sync; the curl line on stderr.")  # fmt: skip
    one.add_argument("--last", action="store_true",
                     help="改为最近一次发送的批次 (the batch sent last instead)")  # fmt: skip
    one = add(
        "relay-out",
        "把未上传的写成中转文件，读回核对后才算写成。",
        "Write what is unsent into a relay file; it is read back before this ends.",
    )
    one.add_argument("file", type=Path, metavar="FILE",
                     help=".gridbatch，或U盘的文件夹 (or the folder of a stick)")  # fmt: skip
    one = add("relay-in", "读入中心给的回执。", "Take in the receipt of a relay file.")
    one.add_argument("file", type=Path, metavar="FILE", help=".gridreceipt")
    one.add_argument("--agree", action="store_true",
                     help="同意移除较多记录 (let many records leave this laptop)")  # fmt: skip
    add(
        "change-passphrase",
        "更换口令。",
        "Replace the passphrase (new one: GRIDROUNDS_NEW_PASSPHRASE).",
    )
    one = add(
        "receipt",
        "打印回执：最近一次同步，或某一天。",
        "Print the receipt of the last sync, or of a day.",
    )
    one.add_argument("--day", default="", metavar="DAY",
                     help="某一天，如 2026-09-30 (a day)")  # fmt: skip
    add("health", "检查本机数据是否完好。", "Check the whole store; exit 1 when it is damaged.")


def _data_option(to: argparse.ArgumentParser, default: object) -> None:
    to.add_argument("--data", type=Path, default=default, metavar="DIR",
                    help="数据文件夹 (data folder; GRIDROUNDS_FIELD_DATA)")  # fmt: skip


def _port(text: str) -> int:
    with contextlib.suppress(ValueError):
        port = int(text)
        if 1 <= port <= 65535:
            return port
    raise argparse.ArgumentTypeError(
        f"端口应是1至65535的整数 a port is a whole number from 1 to 65535 (LAPTOP_PORT): {text!r}"
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings a command line asks for; raises Trouble ``not_loopback``."""
    try:
        return Settings(
            data_dir=args.data,
            host=args.host,
            port=args.port,
            server_url=args.server,
            allow_http=args.allow_http,
            open_browser=not args.no_browser,
            proxy=args.proxy,
            auto_sync=not args.no_auto_sync,
        )
    except NotLoopback:
        raise Trouble("not_loopback", host=args.host) from None


def run(argv: Sequence[str] | None, serve: Callable[[Settings], None]) -> int:
    """Run the command line and return the exit status; ``serve`` is run without a sub-command."""
    for stream in (sys.stdout, sys.stderr):  # a Chinese Windows console is not UTF-8 by itself
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    args = parser().parse_args(argv)
    try:
        settings = settings_of(args)
        if args.command is None:
            serve(settings)
            return 0
        return int(_COMMANDS[args.command](settings, args) or 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        known = trouble_of(error)
        if known is None:
            raise
        tell(known)
        return 1


def tell(trouble: Trouble) -> None:
    """Print what went wrong in both languages on standard error."""
    for lang in ("zh", "en"):
        print(sentence(trouble.code, lang, **trouble.facts), file=sys.stderr)


# Opening a store -------------------------------------------------------------------------------


def _desk(settings: Settings) -> Desk:
    if not settings.data_dir.is_dir():
        raise Trouble("no_workers")
    return open_desk(settings)


def _worker_id(desk: Desk, wanted: str) -> str:
    workers = desk.workers()
    if not workers:
        raise Trouble("no_workers")
    if wanted:
        found = [one for one in workers if wanted in (one.worker_id, one.label)]
        if len(found) != 1:
            raise Trouble("unknown_worker")
        return found[0].worker_id
    if len(workers) > 1:
        names = ", ".join(f"{one.worker_id} ({one.label or '?'})" for one in workers)
        raise Trouble("which_worker", workers=names)
    return workers[0].worker_id


def _ask(variable: str, prompt: str) -> str:
    given = os.environ.get(variable)
    if given:
        return given
    if not sys.stdin.isatty():
        raise Trouble("passphrase_missing")
    return getpass.getpass(prompt)


@contextlib.contextmanager
def _opened(settings: Settings, args: argparse.Namespace) -> Iterator[tuple[Desk, Workspace]]:
    desk = _desk(settings)
    worker_id = _worker_id(desk, args.worker)
    desk.unlock(worker_id, _ask(PASSPHRASE, "口令 passphrase: "))
    try:
        ws = desk.present()
        assert ws is not None
        yield desk, ws
    finally:
        desk.lock()


# The commands ----------------------------------------------------------------------------------


def _status(settings: Settings, args: argparse.Namespace) -> int:
    desk = _desk(settings)
    for one in desk.workers():
        print(f"{one.worker_id}  {one.label or ''}")
    if not desk.workers():
        raise Trouble("no_workers")
    if not (os.environ.get(PASSPHRASE) or args.worker):
        return 0
    with _opened(settings, args) as (_, ws):
        identity = ws.identity
        print(f"服务器 server: {identity.server_url}")
        print(f"网格 grids: {', '.join(identity.grids)}")
        print(f"终端 device: {identity.device_id} ({identity.state})")
        print(f"未上传 unsent: {unsent_count(ws)}")
        print(f"照片未传 photos unsent: {len(waiting(ws))}")
    return 0


def _sync(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (desk, ws):
        desk.rounds.start(ws)
        shown = ""
        while True:
            running = desk.rounds.running
            told = desk.rounds.progress
            line = f"{told.stage}: {told.confirmed}/{told.total}, +{told.received}"
            if line != shown:
                print(line, flush=True)
                shown = line
            if not running:
                break
            time.sleep(0.1)
        for outcome, number in sorted(told.outcomes.items()):
            print(f"{outcome}: {number}")
        if told.stage != "done":
            left = unsent_count(ws)
            if left:
                tell(Trouble("still_unsent", count=left))
            raise Trouble(told.error, **told.facts)
    return 0


def _backup(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (desk, _):
        made = desk.back_up()
        print(made or "今天已经备份过。 Today's copy is there already.")
    return 0


def _restore(settings: Settings, args: argparse.Namespace) -> int:
    desk = _desk(settings)
    worker_id = _worker_id(desk, args.worker)
    copies = desk.vault.backups(worker_id)
    if not args.copy:
        for copy in copies:
            print(copy.name)
    chosen = [copy for copy in copies if not args.copy or copy.name == Path(args.copy).name]
    if not chosen:
        raise Trouble("no_such_copy")
    whole = [copy for copy in chosen if is_whole(copy)]
    for copy in chosen[: chosen.index(whole[0])] if whole else chosen:
        print(f"不完整，不采用 not whole, passed over: {copy.name}")
    if not whole:
        raise Trouble("copy_not_whole")
    aside = desk.vault.restore_from_backup(worker_id, whole[0], desk.clock())
    print(f"已恢复 restored: {whole[0].name}")
    if aside:
        print(f"原来的文件 the former files: {aside}")
    return 0


def _show_batch(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (_, ws):
        body = last_batch(ws) if args.last else next_batch(ws, keep=False).body
        sys.stdout.write(body.decode() + "\n")
        sys.stdout.flush()
        identity = ws.identity
        curl = [
            "curl", "-sS", "-X", "POST", identity.server_url + API + "/sync",
            "-H", f"Authorization: Bearer {identity.token}",
            "-H", "Content-Type: application/json", "--data-binary", "@batch.json",
        ]  # fmt: skip
        print(shlex.join(curl), file=sys.stderr)
    return 0


def _relay_out(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (_, ws):
        ready = write_to(ws, args.file)
    print(f"{ready.path}  {ready.size:,} bytes")
    print(f"{ready.changes} 条记录，{ready.photos} 张照片。"
          f" {ready.changes} changes, {ready.photos} photos.")  # fmt: skip
    print("已读回核对，可以拔出。 Read back and verified; safe to remove.")
    return 0


def _relay_in(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (_, ws):
        told = take_receipt_at(ws, args.file, agreed=args.agree)
        left = unsent_count(ws)
    print(f"confirmed: {told.confirmed}")
    print(f"received: {told.received}")
    print(f"photos: {told.photos}")
    for outcome, number in sorted({**told.outcomes, **told.left}.items()):
        print(f"{outcome}: {number}")
    print(f"未上传 unsent: {left}")
    return 0


def _change_passphrase(settings: Settings, args: argparse.Namespace) -> int:
    desk = _desk(settings)
    worker_id = _worker_id(desk, args.worker)
    old = _ask(PASSPHRASE, "现在的口令 present passphrase: ")
    new = _ask(NEW_PASSPHRASE, "新口令 new passphrase: ")
    if not os.environ.get(NEW_PASSPHRASE) and new != _ask(NEW_PASSPHRASE, "再输一次 again: "):
        raise Trouble("passphrases_differ")
    desk.vault.change_passphrase(worker_id, old, new)
    print("口令已更换。 The passphrase was changed.")
    return 0


def _receipt(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (_, ws):
        if args.day:
            receipt = receipts.day_receipt(ws, args.day)
        else:
            receipt = receipts.round_receipt(ws, receipts.last_round(ws))
        for line in receipts.as_text(receipt, ws.lang):
            print(line)
    return 0


def _health(settings: Settings, args: argparse.Namespace) -> int:
    with _opened(settings, args) as (desk, _):
        health = desk.health()
        for name, value in health.items():
            print(f"{name}: {value}")
        if not health["ok"]:
            raise Trouble("unhealthy", problems="; ".join(health["problems"][:3]))
    return 0


_COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], int]] = {
    "status": _status,
    "sync": _sync,
    "backup": _backup,
    "restore": _restore,
    "show-batch": _show_batch,
    "relay-out": _relay_out,
    "relay-in": _relay_in,
    "change-passphrase": _change_passphrase,
    "receipt": _receipt,
    "health": _health,
}
