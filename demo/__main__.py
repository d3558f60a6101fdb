"""``python -m demo``: a synthetic world, the centre, a laptop, and a worker's morning.

WORLD (S or A; B is a year at the centre alone), SEED, SERVER_PORT, LAPTOP_PORT and DEMO_DIR are
read from the environment. It ends with both programs serving until Ctrl-C, Enter cutting the link
between them; what it prints is also in ``demo.json`` in its folder.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from requests import RequestException

from demo.laptop import Joined, Worker
from demo.link import Link
from demo.morning import all_stored, patrol_and_visit, visit_and_report_offline
from demo.pages import PageError
from demo.plan import BadPlan, Plan, empty_folder, read_plan
from demo.processes import Program, ProgramFailed, port_is_free, run
from demo.progress import Steps, prepare, say
from demo.year import play_year

PASSPHRASE = "demo-2026-grid"
COLLEAGUE = ("W900001", "王小样")
"""Works in the same grid, on a laptop that the demo leaves to its spectators."""
SILENT = "W009005"
"""Whose laptop has not synced for days: staff see that it waits to be asked after."""
STEPS = 10
MOST_ENDS, RIGHT_AWAY_S = 3, 60.0
"""So often within so many seconds a program may end and is started again."""


@dataclass(frozen=True)
class World:
    """The built world: its facts as the command printed them, and two join codes."""

    facts: dict[str, Any]
    code: str
    spare_code: str


@dataclass(frozen=True)
class Batch:
    """One upload as a file, and the laptop's token to post it with."""

    file: Path
    token: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status; it takes no arguments, and does nothing when it is
    given any."""
    argparse.ArgumentParser(
        prog="python -m demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(argv)
    prepare()
    # A shell's background job starts with Ctrl-C ignored; the demo must still end on it.
    for asked_to_end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_end, signal.default_int_handler)
    try:
        plan = read_plan()
        for port in (plan.server_port, plan.laptop_port):
            if not port_is_free(port):
                raise BadPlan(
                    f"端口 {port} 已被占用。Port {port} is in use: "
                    "set SERVER_PORT or LAPTOP_PORT, or stop what uses it."
                )
        if (before := empty_folder(plan.folder)) is not None:
            say(f"上一次演示的数据移到了 The last demo's data went to {before}")
        with ExitStack() as stack:
            if plan.world == "B":
                programs: Sequence[Program] = (play_year(plan, stack),)
                pause: Callable[[float], None] = time.sleep
            else:
                programs = play(plan, stack)
                pause = Link(programs[0], sys.stdin).wait
                say("按回车断网，再按回车恢复 · Enter: offline; Enter again: back online.")
            say("Ctrl-C 停止 · Ctrl-C stops both.")
            watch(programs, pause)
    except KeyboardInterrupt:
        say("\n已停止。Stopped.")
        return 0
    except (BadPlan, ProgramFailed, PageError, RequestException, OSError) as error:
        print(f"\n演示没有完成：{error}\nThe demo did not finish.", file=sys.stderr)
        return 1
    return 0


def play(plan: Plan, stack: ExitStack) -> tuple[Program, Program]:
    """Build, start and play; return both programs, running under ``stack``."""
    steps = Steps(STEPS)
    words = "生成演示数据 Build the synthetic world"
    with steps.step(f"{words} {plan.world}"):
        world = build_world(plan)
    centre = Program("sync_server", _centre(plan), plan.server, plan.folder / "centre.log")
    laptop = Program("field_app", _laptop(plan), plan.laptop, plan.folder / "laptop.log")
    worker = Worker(plan.laptop)
    with steps.step("启动中心 Start the centre"):
        stack.enter_context(centre).start()
    with steps.step("启动电脑端 Start the laptop"):
        stack.enter_context(laptop).start()
    words = "加入并下载网格数据 Join and fetch the grid"
    with steps.step(words):
        joined = worker.join(plan.server, world.code, PASSPHRASE, "演示机")
        end = worker.watch(lambda done, total, got: steps.within(f"{words} {got}"))
        if not all_stored(end):
            raise PageError(f"first sync: {end.stage} {end.words}")
    with steps.step("一次巡查：一处当场处理、一处上报；关怀走访 Patrol, an issue, a care visit"):
        patrol_and_visit(worker)
    with steps.step("断网：两次走访、改电话、自处置一件 Offline: two visits, an issue"):
        centre.stop()
        visit_and_report_offline(worker)
    with steps.step("突然断电再开机：都在 Kill the laptop, start it again: all is there"):
        unsent = worker.unsent()
        laptop.kill()
        batch = next_batch(plan)
        laptop.start()
        worker.unlock(PASSPHRASE)
        if worker.unsent() != unsent:
            raise PageError(f"{unsent} were unsent before the kill, {worker.unsent()} after")
    with steps.step("断网时同步：未上传的都在 Sync fails politely, nothing is lost"):
        if all_stored(worker.sync()) or worker.unsent() != unsent:
            raise PageError("a sync without a centre must not succeed")
    words = "恢复网络并同步 The link is back: sync"
    with steps.step(words):
        centre.start()
        sync_all(worker, lambda done, total, got: steps.within(f"{words} {done}/{total}"))
    with steps.step("再同步一次：没有可发的 A second sync sends nothing"):
        again = worker.sync()
        if not all_stored(again) or again.total:
            raise PageError(f"second sync: {again}")
    write_down(plan, world, joined, batch)
    return centre, laptop


def build_world(plan: Plan) -> World:
    """Build the world as of today, and two join codes for its first grid; raise ProgramFailed."""
    data = ["--data", str(plan.folder / "centre")]
    # Care visits and patrols of the world are due around its today: make that the real one.
    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    asked = ["--world", plan.world, "--seed", str(plan.seed), "--today", today, "--json"]
    asked += ["--silent-laptop", SILENT]
    facts = json.loads(run(["sync_server", "demo-world", *data, *asked])[0])
    persona, (no, name) = facts["persona"], COLLEAGUE
    colleague = ["--no", no, "--name", name, "--role", "worker", "--scope", persona["grid"]]
    run(["sync_server", "add-user", *data, *colleague])
    first, second = (
        run(["sync_server", "join-code", *data, "--no", who])[0].strip()
        for who in (persona["worker_no"], no)
    )
    return World(facts, first, second)


def next_batch(plan: Plan) -> Batch:
    """Keep the next upload as a file, to be posted by hand; raise ProgramFailed.

    The laptop program must be stopped: its store is open in one process only.
    """
    show = ["field_app", "show-batch", "--data", str(plan.folder / "laptop")]
    body, curl = run(show, GRIDROUNDS_PASSPHRASE=PASSPHRASE)
    file = plan.folder / "batch.json"
    file.write_text(body, encoding="utf-8")
    token = re.search(r"Bearer ([^'\s]+)", curl)
    if not token:
        raise ProgramFailed("show-batch names no token")
    return Batch(file, token.group(1))


def sync_all(worker: Worker, told: Callable[[int, int, int], None]) -> None:
    """Sync until nothing is unsent, a few rounds at most; raise PageError."""
    for _ in range(5):
        end = worker.sync(told)
        if all_stored(end) and not worker.unsent():
            return
        time.sleep(1)
    raise PageError(f"sync: {end.stage} {end.confirmed}/{end.total} {end.words}")


def write_down(plan: Plan, world: World, joined: Joined, batch: Batch) -> None:
    """Print addresses, accounts and what to try; write the same to ``demo.json``."""
    persona = world.facts["persona"]
    told = {
        "synthetic": True,
        "world": plan.world,
        "seed": plan.seed,
        "digest": world.facts["digest"],
        "records": world.facts["records"],
        "server": plan.server,
        "laptop": plan.laptop,
        "accounts": world.facts["accounts"],
        "worker": {
            "no": persona["worker_no"],
            "name": "林示例",
            "grid": persona["grid"],
            "passphrase": joined.passphrase,
            "recovery_key": joined.recovery_key,
        },
        "join_code": world.spare_code,
        "join_code_worker": COLLEAGUE[0],
        "batch": str(batch.file),
        "device_token": batch.token,
    }
    path = plan.folder / "demo.json"
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    say()
    say(f"电脑端 laptop   {plan.laptop}   口令 passphrase: {joined.passphrase}")
    say(f"中心   centre   {plan.server}")
    for one in told["accounts"]:
        say(f"    {one['role']:<10} {one['no']:<16} {one['password']}   {one['name']}")
    say(f"同一网格另一名网格员的加入码 join code of {' '.join(COLLEAGUE)}: {world.spare_code}")
    second = f"-m field_app --data {plan.folder / 'second'} --port {plan.laptop_port + 1}"
    say(f"他的电脑端 their laptop: {sys.executable} {second}")
    say(f"以上内容也在 also in {path}")
    say()
    say("接下来 Next:")
    say("  1. 打开电脑端，输入口令，看“今日”和“未上传”。Open the laptop, unlock, see today.")
    say("  2. 用 demo-community 登录中心，看“上传”里刚到的记录和版本。Sign in at the centre:")
    say("     uploads, the records that just arrived, all their versions.")
    say("  3. 在电脑端再做一次走访并同步，看它变为“已入库”“已查看”。Visit somebody, sync, and")
    say("     watch the record become stored, then seen.")
    say("  4. 一天的演示，十二步 a day in twelve steps: docs/demo-day.md")


def watch(programs: Sequence[Program], pause: Callable[[float], None]) -> None:
    """Wait for Ctrl-C and start a program again that somebody killed, as its user would; raise
    ProgramFailed when one cannot be started, or ends right away again and again."""
    ends: dict[Program, list[float]] = {program: [] for program in programs}
    while True:
        pause(1)
        for program in programs:
            if not program.ended:
                continue
            now = time.monotonic()
            ends[program] = [*(one for one in ends[program] if now - one < RIGHT_AWAY_S), now]
            if len(ends[program]) > MOST_ENDS:
                raise ProgramFailed(program.last_words())
            program.start()
            say(f"{program.name} 停了，已在 {program.address} 重新启动；保存过的都在。")
            say(f"{program.name} ended and was started again; what was saved is there.")


def _centre(plan: Plan) -> list[str]:
    return [
        "sync_server", "--data", str(plan.folder / "centre"), "--port", str(plan.server_port),
    ]  # fmt: skip


def _laptop(plan: Plan) -> list[str]:
    return [
        "field_app", "--data", str(plan.folder / "laptop"), "--port", str(plan.laptop_port),
        "--server", plan.server, "--no-browser",
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
