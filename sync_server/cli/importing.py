"""Bringing registers in from the terminal, and writing lists out as spreadsheets."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.catalogue import KINDS, kind_of
from schemas.workflow import SYSTEM_ID
from sync_server.cli.opening import check_folder_of, opened
from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.columns import ORDER, columns_of
from sync_server.domain.sheets.problems import read_problem
from sync_server.services import accounts, imports, ledgers, listing, workbooks
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_work import Worker
from sync_server.services.imports import Importer
from sync_server.settings import Settings
from sync_server.store import imports as store_imports
from sync_server.store.relay_folder import whole_file

OUTCOMES = {
    "new": "新增 new", "changed": "修改 changed", "unchanged": "无变化 unchanged",
    "likely": "疑似重复 likely duplicates", "skipped": "跳过 skipped", "refused": "未导入 refused",
}  # fmt: skip
SHOWN = 5
"""So many refused rows are printed for each file; all of them stand on the page of the import."""


@dataclass(frozen=True)
class _Sheet:
    """One sheet of a file that was taken in."""

    import_id: str
    file: Path
    row: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind it is taken for."""
        return str(self.row["kind"])


def add_options(add: Any) -> None:
    """Add the sub-commands; ``add`` makes one from its name and its help in both languages."""
    one = add(
        "import",
        "导入 XLSX 或 CSV 台账（区域、小区、房屋、居民…）；再导入一次不会重复。",
        "Import registers from XLSX or CSV files; importing them again changes nothing.",
    )
    one.add_argument("files", type=Path, nargs="+", metavar="FILE", help="文件 (files)")
    one.add_argument(
        "--kind",
        default="",
        choices=ORDER,
        metavar="KIND",
        help=f"类别，默认按表头判断 (what the rows are; told by the heads): {', '.join(ORDER)}",
    )
    one.add_argument(
        "--no", default="", metavar="NO", help="以谁的名义，工号 (in whose name, by number)"
    )
    one.add_argument(
        "--progress", action="store_true", help="不在终端也显示进度 (show progress anyway)"
    )
    one = add(
        "undo-import",
        "撤销一次导入：新建的作废，改过的恢复；别人后来改过的保留并列出。",
        "Take an import back; what others have changed since is kept and listed.",
    )
    one.add_argument("import_id", metavar="ID", help="导入编号 (printed by `import`)")
    one.add_argument(
        "--no", default="", metavar="NO", help="以谁的名义，工号 (in whose name, by number)"
    )

    one = add(
        "export",
        "把列表或台账写成 XLSX，个人信息遮盖；记入审计。",
        "Write a list or a ledger as XLSX, personal values masked; written down in the audit.",
    )
    one.add_argument("kind", metavar="KIND", nargs="?", help="类别 (what to list): resident, …")
    one.add_argument("--ledger", default="", metavar="NAME", help="台账名称 (a ledger by name)")
    one.add_argument("--to", type=Path, required=True, metavar="FILE", help="目标文件 (.xlsx)")
    one.add_argument("--no", default="", metavar="NO", help="以谁的名义，工号 (in whose name)")
    one.add_argument(
        "--unmask-reason",
        default="",
        metavar="WORDS",
        help="含完整个人信息，并写明原因 (with personal values in full, for this reason)",
    )


def export_list(settings: Settings, args: argparse.Namespace) -> None:
    """Write a list or a ledger into a new file and print how large it is.

    Raises Refusal: kind_or_ledger, unknown_kind, unknown_ledger, not_allowed, reason_needed,
    file_exists, no_folder.
    """
    if bool(args.kind) == bool(args.ledger):
        raise Refusal("kind_or_ledger", kinds=", ".join(KINDS))
    check_folder_of(args.to)
    with opened(settings) as centre:
        if args.to.exists():
            raise Refusal("file_exists", file=str(args.to))
        who, reason = _person(centre, args.no), args.unmask_reason
        if args.ledger:
            with centre.store.reading() as connection:
                ledger = ledgers.named(connection, who, args.ledger)
            file, _ = workbooks.ledger_as_workbook(
                centre, who, ledger, "zh", unmask=bool(reason), reason=reason
            )
        else:
            kind = args.kind
            if kind not in KINDS:
                raise Refusal("unknown_kind", kind=kind, kinds=", ".join(KINDS))
            asked = listing.read(kind_of(kind), {})
            file, _ = workbooks.list_as_workbook(
                centre, who, kind, asked, "zh", unmask=bool(reason), reason=reason
            )
        with file, whole_file(args.to) as out:
            shutil.copyfileobj(file, out)
    print(f"{args.to}  {args.to.stat().st_size:,} bytes")


def _person(centre: Centre, no: str) -> User:
    """Return in whose name: somebody of the staff, or the operator for the whole district."""
    if no:
        with centre.store.reading() as connection:
            return accounts.user_by_no(connection, centre.code, no)
    return User(centre.code, SYSTEM_ID, "", "", "admin", "admin", (centre.code,), True, False, "")


def import_files(settings: Settings, args: argparse.Namespace) -> None:
    """Import every sheet of the files, what others belong to first, and print what became of it.

    Raises Refusal: what opening the centre and reading a file raises, columns_missing. What was
    imported before a file failed stays, and importing it again changes nothing.
    """
    files = [one for file in args.files for one in _meant(file)]
    for file in files:
        if not file.is_file():
            raise Refusal("no_such_file", file=str(file))
    with opened(settings) as centre:
        who = _importer(centre, args.no)
        worker = Worker(centre)
        sheets = [sheet for file in files for sheet in _take(centre, who, worker, file)]
        if args.kind:
            sheets = [_as_kind(centre, who, sheet, args.kind) for sheet in sheets]
        sheets.sort(key=lambda sheet: ORDER.index(sheet.kind))
        failed = 0
        for sheet in sheets:
            row = _run(centre, who, worker, sheet, watched=sys.stderr.isatty() or args.progress)
            failed += _print(centre, who, sheet, row)
        if failed:
            raise Refusal("rows_refused", count=failed)


def _meant(file: Path) -> Sequence[Path]:
    """Return the files a name stands for: Windows leaves a pattern such as ``*.xlsx`` to us."""
    if file.exists() or not any(sign in file.name for sign in "*?"):
        return [file]
    return sorted(file.parent.glob(file.name)) or [file]


def undo_import(settings: Settings, args: argparse.Namespace) -> None:
    """Take a whole import back and print what became of it."""
    with opened(settings) as centre:
        who = _importer(centre, args.no)
        worker = Worker(centre)
        imports.undo(centre, who, args.import_id, worker)
        worker.work(only=args.import_id)
        with centre.store.reading() as connection:
            counts = imports.get(connection, who, args.import_id)["counts"]
    print(f"已撤销 undone {counts.get('undone', 0):,}  已保留 kept {counts.get('kept', 0):,}")


def _importer(centre: Centre, no: str) -> Importer:
    if not no:
        return imports.operator(centre.code)
    with centre.store.reading() as connection:
        return imports.importer(accounts.user_by_no(connection, centre.code, no))


def _take(centre: Centre, who: Importer, worker: Worker, file: Path) -> list[_Sheet]:
    with file.open("rb") as source:
        ids = imports.take_file(centre, who, file.name, source, worker)
    found = []
    for import_id in ids:
        worker.work(only=import_id)
        with centre.store.reading() as connection:
            row = imports.get(connection, who, import_id)
        if row["state"] == "failed":
            code = row["problem"]["code"]
            imports.discard(centre, who, import_id)
            if code == "sheet_empty" and len(ids) > 1:
                continue
            raise Refusal(code, file=str(file))
        found.append(_Sheet(import_id, file, row))
    return found


def _as_kind(centre: Centre, who: Importer, sheet: _Sheet, kind: str) -> _Sheet:
    plan = imports.plan_of(sheet.row)
    plan = imports.propose_anew(centre, who, sheet.import_id, kind, plan.first, plan.lines)
    return _Sheet(sheet.import_id, sheet.file, {**sheet.row, "kind": kind, "plan": plan.as_json()})


def _run(
    centre: Centre, who: Importer, worker: Worker, sheet: _Sheet, *, watched: bool
) -> Mapping[str, Any]:
    try:
        plan = imports.plan_of(sheet.row)
        imports.run_unchecked(centre, who, sheet.import_id, plan, worker)
    except Refusal as refusal:
        facts = refusal.facts | {"file": str(sheet.file)}
        if refusal.code == "columns_missing":
            facts["columns"] = _heads(sheet.kind, refusal.facts["columns"])
        raise Refusal(refusal.code, **facts) from None

    def told(row: Mapping[str, Any]) -> None:
        if watched:
            done, total = row["progress"]["row"], row["progress"]["total"]
            print(f"\r{sheet.file.name}  {done:,} / {total:,}", end="", file=sys.stderr, flush=True)

    worker.work(only=sheet.import_id, told=told)
    if watched:
        print(file=sys.stderr)
    with centre.store.reading() as connection:
        row = imports.get(connection, who, sheet.import_id)
    if row["state"] == "failed":
        raise Refusal(row["problem"]["code"], file=str(sheet.file))
    return row


def _heads(kind: str, names: Sequence[str]) -> str:
    """Return columns as their heads read in a register."""
    labels = {column.name: column.label.zh for column in columns_of(kind)}
    return "、".join(labels.get(name, name) for name in names)


def _print(centre: Centre, who: Importer, sheet: _Sheet, row: Mapping[str, Any]) -> int:
    """Print what became of a sheet and return how many of its rows were refused."""
    counts = row["counts"]
    said = "  ".join(
        f"{words} {counts[name]:,}" for name, words in OUTCOMES.items() if counts.get(name)
    )
    label = kind_of(sheet.kind).info.label.zh
    print(f"{sheet.file.name}  {label}  {said or '0'}  [{sheet.import_id}]", flush=True)
    with centre.store.reading() as connection:
        refused = store_imports.rows_page(
            connection, centre.code, sheet.import_id, ("refused",), size=SHOWN
        )
    for one in refused:
        for stored in one["problems"] or ():
            fault = read_problem(stored)
            print(f"  {one['row']}: {fault.column} {fault.text('zh')} {fault.text('en')}")
    return int(counts.get("refused", 0))
