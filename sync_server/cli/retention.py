"""Retention on the terminal: what has come to its end, and going on with what was confirmed.

Periods are set, and runs proposed and confirmed, on the staff page 保存期限: by two people.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable

from schemas.catalogue import kind_of
from schemas.retention import CLASSES, MOST_YEARS
from sync_server.cli.opening import opened
from sync_server.services import retention
from sync_server.services.centre import Centre
from sync_server.services.emptying import empty_some
from sync_server.settings import Settings

WHY = {
    "changed": "有改动或退回待办 changed, or refused and not settled",
    "work": "事件或服务单未办结 open issue or service request",
    "asked": "退回修改没答复 open correction", "conflict": "冲突未裁决 open conflict",
    "pair": "疑似重复未处理 likely duplicate", "request": "个人信息请求未答复 privacy request",
}  # fmt: skip


def add_options(add: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    one = add(
        "retention",
        "看哪些资料过了保存期限、会清空什么、哪些因在办而保留（只看，什么都不改）；清单在网页上列和确认。",
        "Show what is past its retention period, what would be emptied and what is kept because of"
        " open work (it only looks); lists are made and confirmed on the staff page.",
    )
    one.add_argument(
        "--years",
        type=_years,
        metavar="N",
        help="按这个年限看，不写则按区县定的 (look by this period instead of the district's)",
    )
    one.add_argument(
        "--go-on",
        action="store_true",
        help="接着清空已确认的清单，直到清完（服务器运行时自动做）"
        " (go on with confirmed lists to their end; a server does it by itself)",
    )


def _years(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MOST_YEARS:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"应为1至{MOST_YEARS}的整数 (a whole number from 1 to {MOST_YEARS}): {text}"
    )


def command(settings: Settings, args: argparse.Namespace) -> None:
    """Print what is past its period, or go on with what was confirmed."""
    with opened(settings) as centre:
        if args.go_on:
            done = 0
            while some := empty_some(centre, centre.clock()):
                done += some
            print(f"看过 {done:,} 人，清单已清完。 Looked at {done:,}; confirmed lists are done.")
            return
        _look(centre, args.years)


def _look(centre: Centre, years: int | None) -> None:
    with centre.store.reading() as connection:
        periods = retention.years_of(connection, centre.code)
        for known in CLASSES:
            wanted = years or periods.get(known.name, 0)
            print(f"{known.label.zh} {known.label.en}")
            if not wanted:
                print("没有定保存年限，不清空。 No retention period: nothing is emptied.")
                continue
            before = retention.begins_before(centre.clock(), wanted)
            print(f"{before:%Y-%m-%d} 以前结束的 ended before, {wanted} 年 years")
            taken: Counter[str] = Counter()
            kept: Counter[str] = Counter()
            persons = 0
            for one in retention.endings(connection, centre.code, before, sys.maxsize):
                if one.why:
                    kept[one.why] += 1
                else:
                    persons += 1
                    taken.update(row["kind"] for row in one.rows.values())
            print(f"可清空的人 persons to be emptied  {persons:>8,}")
            for kind, many in sorted(taken.items()):
                label = kind_of(kind).info.label
                print(f"  {label.zh} {label.en}  {many:>8,}")
            for why, many in sorted(kept.items()):
                print(f"保留 kept: {WHY[why]}  {many:>8,}")
