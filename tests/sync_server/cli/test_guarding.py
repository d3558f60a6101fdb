"""The commands that guard the centre."""

from __future__ import annotations

import re

import sqlalchemy as sa

from tests.sync_server.cli.lines import WORKER, assert_plain_failure

HEAD = re.compile(r"head: (\d+:[0-9a-f]{64})")


def test_the_audit_is_checked_and_its_head_can_be_written_down(run, data) -> None:
    assert run("--data", data, "add-user", *WORKER).returncode == 0
    done = run("--data", data, "audit-check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "核对无误" in done.stdout
    [noted] = HEAD.findall(done.stdout)
    run("--data", data, "deactivate-user", "--no", "w1")
    again = run("--data", data, "audit-check", "--head", noted)
    assert again.returncode == 0
    assert HEAD.findall(again.stdout) != [noted]

    other = noted.partition(":")[0] + ":" + "0" * 64
    assert_plain_failure(run("--data", data, "audit-check", "--head", other), "链头")

    with sa.create_engine(f"sqlite:///{data / 'centre.db'}").begin() as connection:
        changed = "UPDATE audit SET target = 'x' WHERE action = 'deactivate_user'"
        assert connection.execute(sa.text(changed)).rowcount == 1
    broken = run("--data", data, "audit-check", "--head", noted)
    assert_plain_failure(broken, "1")
    assert "被改动 changed" in broken.stdout
