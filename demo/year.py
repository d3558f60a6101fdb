"""A district's whole year at the centre: World B, lived through by the workflow's own services."""

from __future__ import annotations

import json
from contextlib import ExitStack

from demo.plan import Plan
from demo.processes import Program, run
from demo.progress import Steps, say

YEAR = "2025-01-01", "2025-12-31"


def play_year(plan: Plan, stack: ExitStack, part: int = 1) -> Program:
    """Build the year (or one in ``part`` of its issues) and serve it under ``stack``.

    Raises ProgramFailed.
    """
    steps = Steps(2)
    data = ["--data", str(plan.folder / "centre")]
    with steps.step("生成一年的事件，约三分钟 Live through a year's issues, about three minutes"):
        asked = ["--world", "B", "--seed", str(plan.seed), "--part", str(part), "--json"]
        facts = json.loads(run(["sync_server", "demo-world", *data, *asked])[0])
    line = ["sync_server", *data, "--port", str(plan.server_port)]
    centre = Program("sync_server", line, plan.server, plan.folder / "centre.log")
    with steps.step("启动中心 Start the centre"):
        stack.enter_context(centre).start()
    figures = "{}/statistics?since={}&until={}".format(plan.server, *YEAR)
    told = {
        "synthetic": True,
        "world": plan.world,
        "seed": plan.seed,
        "records": facts["records"],
        "server": plan.server,
        "accounts": facts["accounts"],
        "statistics": figures,
    }
    path = plan.folder / "demo.json"
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    say()
    say(f"中心 centre   {plan.server}")
    for one in facts["accounts"]:
        say(f"    {one['role']:<10} {one['no']:<16} {one['password']}")
    say(f"全年统计 the year's figures   {figures}")
    say(f"以上内容也在 also in {path}")
    return centre
