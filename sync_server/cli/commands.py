"""What an operator does on the terminal, a function a sub-command."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from sync_server.cli import compiling, demo_year, guarding, importing, redrawing, retention
from sync_server.cli.demo_facts import print_world
from sync_server.cli.opening import check_folder_of, opened
from sync_server.domain.errors import Refusal
from sync_server.domain.world.shape import DISTRICT
from sync_server.services import accounts, demo_world, holdings, places, relocate, units
from sync_server.services.audit_chain import extend
from sync_server.services.backup import back_up, back_up_older, clear_older, note_cleared
from sync_server.services.centre import Centre, utc_now
from sync_server.services.clock_steps import take_due_steps
from sync_server.services.closed_months import freeze_due
from sync_server.services.demo_laptops import add_silent
from sync_server.services.devices import issue_join_code
from sync_server.services.duplicates import search_duplicates
from sync_server.services.emptying import empty_some
from sync_server.services.partitioning import partition as partition_tables
from sync_server.services.relay import take_in
from sync_server.services.replay import replay
from sync_server.services.restore import restore as restore_backup
from sync_server.services.world_sheets import write_sheets
from sync_server.settings import Settings
from sync_server.store.relay_folder import whole_file


def init(settings: Settings, args: argparse.Namespace) -> None:
    """Make or migrate the database, the district named with it, and say where it is."""
    with opened(settings, beside=True) as centre:
        print(f"{centre.code} {centre.district.name}  {_place(centre)}")


def add_user(settings: Settings, args: argparse.Namespace) -> None:
    """Make an account and print its id; its person has to choose a password of his own at first."""
    role: str = args.role
    password = None if role in accounts.LAPTOP_ROLES else _password(args)
    with opened(settings) as centre, centre.store.writing() as connection:
        unit_id = units.unit_for(connection, centre.code, role, args.unit)
        scope = args.scope or [centre.code]
        accounts.check_scope(centre.code, role, scope)
        places.check_known(connection, centre.code, scope)
        user = accounts.add_user(
            connection,
            centre.code,
            no=args.no,
            name=args.name,
            role=role,
            scope_codes=scope,
            now=centre.clock(),
            kind=args.kind or ("full" if role in accounts.LAPTOP_ROLES else "staff"),
            password=password,
            password_given=password is not None,
            unit_id=unit_id,
        )
    print(user.user_id)


def set_password(settings: Settings, args: argparse.Namespace) -> None:
    """Give somebody another password; whoever was signed in as him is out."""
    new_hash = accounts.hash_password(_password(args))
    with opened(settings) as centre, centre.store.writing() as connection:
        user = accounts.user_by_no(connection, centre.code, args.no)
        accounts.reset_password(connection, centre.code, user.user_id, new_hash, centre.clock())
    print(f"{user.no} {user.name}：密码已重设，已登录的都已退出；本人登录后要先换成自己的密码。"
          " The password is set, who was signed in is out, and has to choose his own.")  # fmt: skip
    if not user.active:
        print("账号仍停用，启用：activate-user。 Still kept out; activate-user lets in.")


def deactivate_user(settings: Settings, args: argparse.Namespace) -> None:
    """Keep somebody out, on the pages and with his laptops."""
    user = _switched(settings, args.no, active=False)
    print(f"{user.no} {user.name}：已停用，网页登录和终端同步都不再接受。"
          " Kept out: neither pages nor laptops are answered.")  # fmt: skip


def activate_user(settings: Settings, args: argparse.Namespace) -> None:
    """Let somebody in again."""
    user = _switched(settings, args.no, active=True)
    print(f"{user.no} {user.name}：已启用。 Let in again.")


def _switched(settings: Settings, no: str, *, active: bool) -> accounts.User:
    with opened(settings) as centre, centre.store.writing() as connection:
        user = accounts.user_by_no(connection, centre.code, no)
        if user.active != active:
            accounts.set_active(connection, centre.code, user.user_id, active, centre.clock())
    return user


def join_code(settings: Settings, args: argparse.Namespace) -> None:
    """Print a one-time code for a worker's laptop."""
    with opened(settings) as centre, centre.store.writing() as connection:
        worker = accounts.user_by_no(connection, centre.code, args.no)
        print(issue_join_code(connection, centre.code, worker.user_id, centre.clock()))


def reassign(settings: Settings, args: argparse.Namespace) -> None:
    """Give a worker these grids and no others, and print what he holds now."""
    with opened(settings) as centre, centre.store.writing() as connection:
        worker = accounts.user_by_no(connection, centre.code, args.no)
        holdings.reassign(connection, centre.code, worker.user_id, args.grids, centre.clock())
        print(" ".join(accounts.get_user(connection, centre.code, worker.user_id).scope_codes))


def build_demo(settings: Settings, args: argparse.Namespace) -> None:
    """Load a demo world into an empty database, or write it as files."""
    if args.world == "B":
        demo_year.command(settings, args, _watched(args))
        return
    progress = _watched(args)
    if args.as_xlsx:
        counts = write_sheets(
            args.world, args.as_xlsx, seed=args.seed, today=args.today, progress=progress
        )
        for kind, count in counts.items():
            print(f"{kind:14} {count:>8,}")
        return
    if args.files:
        built = demo_world.write_files(
            args.world, args.files, seed=args.seed, today=args.today, progress=progress
        )
    else:
        if settings.district not in ("", DISTRICT):
            raise Refusal("demo_district", district=settings.district, known=DISTRICT)
        with opened(settings, beside=True) as centre:
            built = demo_world.build(
                centre.store, args.world, seed=args.seed, today=args.today, now=centre.clock(),
                progress=progress,
            )  # fmt: skip
            if args.silent_laptop:
                with centre.store.writing() as connection:
                    add_silent(connection, built.district, args.silent_laptop, centre.clock())
    print_world(built.as_json(), built.accounts, as_json=args.json)


def _watched(args: argparse.Namespace) -> Callable[[int, int], None]:
    return _progress() if sys.stderr.isatty() or args.progress else _silent


def backup(settings: Settings, args: argparse.Namespace) -> None:
    """Write a verified copy of the database and print where it lies, and what went for it."""
    database = settings.data / "centre.db"
    if not settings.database_url and not database.exists():
        raise Refusal("no_database", file=str(database))
    check_folder_of(args.to)
    older = back_up_older(settings, args.to, utc_now())
    if older is not None:
        path, size = older
        print(f"{path}  {size:,} bytes")
        print("数据库是旧版本程序的，已按原样备份，没有升级。"
              " An older program's database, copied as it is; it was not upgraded.")  # fmt: skip
        _clear(path, args.keep, [])
        return
    with opened(settings) as centre:
        path, size = back_up(centre, args.to, centre.clock())
        print(f"{path}  {size:,} bytes")
        removed: list[Path] = []
        try:
            _clear(path, args.keep, removed)
        finally:
            note_cleared(centre, removed, centre.clock())


def _clear(newest: Path, keep: int | None, removed: list[Path]) -> None:
    """Remove older copies, print each, and add it to ``removed``."""
    if keep is None:
        return
    for old in clear_older(newest, keep):
        removed.append(old)
        print(f"已删除旧备份 removed: {old}")


def relay(settings: Settings, args: argparse.Namespace) -> None:
    """Take a relay file in, write its receipt, and print what became of it."""
    check_folder_of(args.out)
    try:
        file = args.file.open("rb")
    except OSError as err:
        raise Refusal("relay_unreadable", file=str(args.file)) from err
    with file, opened(settings) as centre:
        if args.out.exists():
            raise Refusal("file_exists", file=str(args.out))
        with whole_file(args.out) as out:
            taken = take_in(centre, file, out, centre.clock())
    if taken.known_since:
        print(f"已收过，没有重复入库。 Taken in before, at {taken.known_since:%Y-%m-%d %H:%M} UTC.")
    facts = {"requests": taken.requests, "changes": taken.changes, "photos": taken.photos}
    counts = {**facts, **dict(sorted(taken.outcomes.items())), **taken.refused}
    for name, count in counts.items():
        print(f"{name:14} {count:>8,}")
    print(f"回执 receipt: {args.out}")


def judge_again(settings: Settings, args: argparse.Namespace) -> None:
    """Judge again what an older program did not understand, and say how many there were."""
    with opened(settings) as centre:
        done = replay(centre.store, centre.code, centre.clock())
    print(f"重新判断 {done.judged:,}，放行 {done.released:,}  (judged again, released)")


def restore(settings: Settings, args: argparse.Namespace) -> None:
    """Put a backup in the database's place and say what happens next."""
    done = restore_backup(settings, args.file, utc_now())
    print(f"{' '.join(done.districts)}  {args.file}")
    if done.aside is not None:
        print(f"原数据库另存为 the database before: {done.aside}")
    for line in AFTER_RESTORE:
        print(line)


AFTER_RESTORE = (
    "请照常启动服务器。各终端下次同步时会自动补齐备份里没有的内容，终端上不用做任何事。",
    "Start the server as usual. Each laptop brings back by itself, at its next sync, what the"
    " backup lacks; nothing need be done on them.",
    "备份之后新加入的终端要用新的加入码重新加入；之后添加的人员和调整的网格要重新录入。",
    "Laptops that joined after the backup need a new join code; people added and grids changed"
    " since must be entered again.",
    "备份之后按保存期限清空过的个人信息又回来了：请到“保存期限”再列一次清单、再清一次。",
    "Personal data emptied by a retention run after the backup is back: list and empty it again on"
    " the page 保存期限 (Retention).",
    "照片原图不在备份里：它们在数据文件夹的 photos 里，丢失时由终端重新上传。",
    "Photos are not in the backup: they are files in the data folder's photos.",
)


def _password(args: argparse.Namespace) -> str:
    if args.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Refusal("password_missing")
    first = getpass.getpass("密码 password: ")
    if first != getpass.getpass("再输一遍 again: "):
        raise Refusal("passwords_differ")
    return first


def _progress() -> Callable[[int, int], None]:
    shown = -1

    def tell(done: int, about: int) -> None:
        nonlocal shown
        percent = min(100 * done // max(about, 1), 100)
        if percent != shown:
            shown = percent
            print(f"\r{percent:3d} %  {done:,} / {about:,}", end="", file=sys.stderr, flush=True)
        if done >= about:
            print(file=sys.stderr)

    return tell


def _silent(done: int, about: int) -> None:
    """Say nothing: nobody watches."""


def _place(centre: Centre) -> str:
    if centre.store.path:
        return str(centre.store.path)
    return centre.store.engine.url.render_as_string(hide_password=True)


def partition(settings: Settings, args: argparse.Namespace) -> None:
    """Put the large tables into parts and print how many rows each has."""

    def tell(table: str, rows: int) -> None:
        print(f"{table:18} {rows:>14,}", flush=True)

    partition_tables(settings, utc_now(), tell)


def move_to(settings: Settings, args: argparse.Namespace) -> None:
    """Move the embedded database to an empty PostgreSQL one and print what each table has."""

    def tell(table: str, rows: int) -> None:
        print(f"{table:18} {rows:>14,}", flush=True)

    relocate.move(settings, tell)
    for line in AFTER_MOVE:
        print(line)


AFTER_MOVE = (
    "已全部迁到 PostgreSQL，逐表核对一致。以后启动和每条命令都要带 --database-url"
    "（或设 GRIDROUNDS_DATABASE_URL），数据文件夹不变；终端上不用做任何事。",
    "All of it is in PostgreSQL, compared table by table. From now on start, and run commands, with"
    " --database-url (or GRIDROUNDS_DATABASE_URL) and this data folder; laptops notice nothing.",
    "原来的 centre.db 已作标记，不会再被启动；请先做一次 backup。",
    "The old centre.db is marked and will not be served again; make a backup of the new one first.",
)


def run_due(settings: Settings, args: argparse.Namespace) -> None:
    """Take the steps of issues whose time has come and say how many; close months, link
    the audit."""
    with opened(settings) as centre:
        print(take_due_steps(centre.store, centre.code, centre.clock()))
        search_duplicates(centre.store, centre.code, centre.clock())
        while freeze_due(centre.store, centre.code, centre.clock()):
            pass
        while empty_some(centre, centre.clock()):
            pass
        extend(centre.store, centre.code)


COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], None]] = {
    "init": init,
    "add-user": add_user,
    "set-password": set_password,
    "deactivate-user": deactivate_user,
    "activate-user": activate_user,
    "join-code": join_code,
    "reassign": reassign,
    "split-grid": redrawing.split,
    "merge-grids": redrawing.merge,
    "demo-world": build_demo,
    "backup": backup,
    "restore": restore,
    "relay": relay,
    "replay": judge_again,
    "run-due": run_due,
    "retention": retention.command,
    "audit-check": guarding.audit_check,
    "reset-second-factor": guarding.reset_second_factor,
    "partition": partition,
    "compile": compiling.command,
    "move-to": move_to,
    "import": importing.import_files,
    "undo-import": importing.undo_import,
    "export": importing.export_list,
}
