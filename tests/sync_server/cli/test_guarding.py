"""The commands that guard the centre."""

from __future__ import annotations

import re

import pyotp
import sqlalchemy as sa

from sync_server.cli.opening import opened
from sync_server.services import accounts, second_factor
from sync_server.settings import Settings
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


def test_a_second_factor_is_taken_away_on_the_terminal(run, data) -> None:
    staff = ("--no", "s1", "--name", "李演示", "--role", "admin", "--password-stdin")
    assert run("--data", data, "add-user", *staff, text="correct horse battery\n").returncode == 0
    assert_plain_failure(run("--data", data, "reset-second-factor", "--no", "s1"), "第二重验证")
    assert_plain_failure(run("--data", data, "reset-second-factor", "--no", "s9"), "s9")
    settings = Settings(data=data)
    with opened(settings) as centre:
        with centre.store.reading() as connection:
            user = accounts.user_by_no(connection, centre.code, "s1")
        key, now = centre.keys.factors, centre.clock()
        secret = second_factor.begin(centre.store, key, user, now)
        second_factor.confirm(centre.store, key, user, pyotp.TOTP(secret).at(now), now)
    done = run("--data", data, "reset-second-factor", "--no", "s1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "已解除" in done.stdout
    with opened(settings) as centre, centre.store.reading() as connection:
        user = accounts.user_by_no(connection, centre.code, "s1")
        assert not user.second_factor
        assert second_factor.standing(connection, user).since is None
