"""What guards the centre, on the terminal: the audit's chain, second factors of staff."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from sync_server.cli.opening import opened
from sync_server.domain.errors import Refusal
from sync_server.services import accounts, audit_chain, second_factor
from sync_server.settings import Settings
from sync_server.store.audit_chain import Head, head

WHAT = {
    "changed": "被改动 changed",
    "removed": "被删除 removed",
    "missing": "之前有缺号 links missing before it",
}


def add_options(add: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    one = add(
        "audit-check",
        "核对审计记录有没有被改动或删除，打印链头；请每天抄下链头，存在别处。",
        "Check that no audit row was changed or removed, and print the chain's head: write it down"
        " elsewhere every day.",
    )
    one.add_argument(
        "--head",
        type=_noted,
        metavar="NO:HASH",
        help="以前抄下的链头，核对它还在链上 (a head written down before: is it still there?)",
    )
    one = add(
        "reset-second-factor",
        "为丢了手机又没有恢复码的人解除第二重验证；已登录的退出，下次只凭密码登录。",
        "Take away the second factor of somebody who lost his phone and recovery codes; his"
        " sessions end, the password alone signs him in.",
    )
    one.add_argument("--no", required=True, metavar="NO", help="工号 (number)")


def reset_second_factor(settings: Settings, args: argparse.Namespace) -> None:
    """Take somebody's second factor away."""
    with opened(settings) as centre, centre.store.writing() as connection:
        user = accounts.user_by_no(connection, centre.code, args.no)
        second_factor.remove(connection, centre.code, user.user_id, centre.clock())
    print(f"{user.no} {user.name}：第二重验证已解除，已登录的都已退出；下次登录后可重新设置。"
          " The second factor is taken away, who was signed in is out.")  # fmt: skip


def audit_check(settings: Settings, args: argparse.Namespace) -> None:
    """Check the audit's chain, name what does not hold, link what is new and print the head.

    Raises Refusal: audit_broken, audit_rewritten where a noted head is not in the chain."""
    with opened(settings) as centre:
        with centre.store.reading() as connection:
            faults = audit_chain.verify(connection, centre.code)
            known = args.head is None or audit_chain.holds(connection, centre.code, args.head)
        audit_chain.extend(centre.store, centre.code)
        with centre.store.reading() as connection:
            last = head(connection, centre.code)
    for fault in faults:
        print(f"{fault.no:>10,}  {fault.audit_id}  {WHAT[fault.what]}")
    print(f"审计记录 audit rows: {last.no:,}")
    print(f"链头 head: {last.no}:{last.hash}")
    if faults:
        raise Refusal("audit_broken", count=len(faults))
    if not known:
        raise Refusal("audit_rewritten", no=args.head.no)
    print("核对无误。 All of it holds.")


def _noted(text: str) -> Head:
    match = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(
            f"链头应是“号:校验值”，照 audit-check 打印的抄 a head reads as printed: {text!r}"
        )
    return Head(int(match[1]), match[2])
