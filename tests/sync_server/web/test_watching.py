"""What machines that watch the centre are told: that it lives, that it can serve, its figures."""

from __future__ import annotations

import errno
import re
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from schemas.exchange import API
from sync_server.app import app_of
from sync_server.domain.errors import Refusal
from sync_server.services import readiness
from sync_server.services.centre import Centre
from sync_server.web.metrics import FORWARDED
from tests.sync_server.web.staff import sign_in
from tests.sync_server.world import Laptop, household

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def gone(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is out of reach."""

    def reading(*_: object) -> None:
        raise Refusal("database_unreachable")

    monkeypatch.setattr(type(centre.store), "reading", reading)
    monkeypatch.setattr(type(centre.store), "writing", reading)


def test_a_centre_that_can_serve_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ready",
        "checks": {"database": "ok", "tables": "ok", "folder": "ok"},
    }


def test_it_is_not_ready_without_its_database_but_lives(client: FlaskClient, gone: None) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"] == {
        "database": "database_unreachable", "tables": "database_unreachable", "folder": "ok",
    }  # fmt: skip
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200  # a restart would cure nothing


@pytest.mark.parametrize(("step", "code"), [("0001", "database_older"), ("9999", "database_newer")])
def test_it_is_not_ready_on_other_tables(client: FlaskClient, centre: Centre, step, code) -> None:
    with centre.store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :s"), {"s": step})
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]["tables"]) == (503, code)


@pytest.mark.parametrize(
    ("fault", "code"), [(errno.ENOSPC, "disk_full"), (errno.EROFS, "folder_unusable")]
)
def test_it_is_not_ready_when_nothing_can_be_written(centre: Centre, monkeypatch, fault, code):
    def full(_descriptor: int) -> None:
        raise OSError(fault, "no")

    monkeypatch.setattr("sync_server.store.readiness.os.fsync", full)
    assert readiness.readiness(centre)["folder"] == code


def test_it_is_not_ready_when_its_database_file_takes_no_writes(centre: Centre, monkeypatch):
    monkeypatch.setattr("sync_server.store.readiness.os.access", lambda *_: False)
    assert readiness.readiness(centre)["database"] == "folder_unusable"


def test_it_is_not_ready_when_its_folder_is_gone(centre: Centre, tmp_path: Path) -> None:
    lost = replace(centre, settings=replace(centre.settings, data=tmp_path / "gone"))
    assert readiness.readiness(lost)["folder"] == "folder_unusable"


# While the database is away ---------------------------------------------------------------------


def test_laptops_are_told_to_come_again_soon(laptop: Laptop, client: FlaskClient, gone) -> None:
    answer = laptop.post(client)
    assert (answer.status_code, answer.json["code"]) == (503, "database_unreachable")
    assert 5 <= int(answer.headers["Retry-After"]) <= 15


def test_a_page_says_so_and_comes_again_by_itself(town, app: Flask, monkeypatch) -> None:
    client = sign_in(app, "community")

    def reading(*_: object) -> None:
        raise Refusal("database_unreachable")

    monkeypatch.setattr(type(town.centre.store), "reading", reading)
    page = client.get("/issues")
    assert page.status_code == 503
    assert "暂时连不上数据库" in page.text
    assert 'http-equiv="refresh"' in page.text
    assert page.headers["Retry-After"]
    client.set_cookie("gridrounds_centre_lang", "en")
    assert "The database cannot be reached" in client.get("/issues").text
    form = client.post("/sign-in", data={"no": "x", "password": "y"})
    assert 'http-equiv="refresh"' not in form.text


# Figures ----------------------------------------------------------------------------------------


def test_figures_tell_of_requests_changes_and_refusals(laptop: Laptop, client: FlaskClient) -> None:
    laptop.write("household", "create", household())
    body = laptop.body()
    answers = [laptop.post(client, body) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    handed_down = sum(len(one.json["updates"]) for one in answers)
    assert handed_down > 0
    client.post(f"{API}/sync", json=body)
    client.get(f"{API}/kinds/household")
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    told = set(answer.text.splitlines())
    assert f'gridrounds_requests_total{{method="POST",route="{API}/sync",status="200"}} 2.0' in told
    assert 'gridrounds_changes_total{outcome="applied"} 1.0' in told
    assert 'gridrounds_changes_total{outcome="duplicate"} 1.0' in told
    assert 'gridrounds_refusals_total{code="bad_token"} 1.0' in told
    assert f"gridrounds_updates_total {handed_down}.0" in told
    assert f'gridrounds_request_seconds_count{{route="{API}/sync"}} 3.0' in told
    assert 'gridrounds_ready{check="database"} 1.0' in told
    assert f'route="{API}/kinds/<name>"' in answer.text


def test_figures_name_nobody(town, app: Flask) -> None:
    client = sign_in(app, "community")
    client.get("/records/resident?q=林示例")
    client.get("/no-such/林示例")
    told = app.test_client().get("/metrics").text
    assert 'route="/records/<kind>"' in told
    for word in ("林", "resident", town.centre.code, *town.here.ids.values()):
        assert word not in told


def test_figures_are_for_this_machine_alone(client: FlaskClient, centre: Centre) -> None:
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    for name in FORWARDED:  # a proxy on this machine: who knows for whom
        assert client.get("/metrics", headers={name: "127.0.0.1"}).status_code == 403


def test_behind_the_tls_proxy_its_word_counts(centre: Centre) -> None:
    app = app_of(replace(centre, settings=replace(centre.settings, behind_tls=True)))
    client = app.test_client()
    away = {"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}
    assert client.get("/metrics", headers=away).status_code == 403
    assert client.get("/metrics").status_code == 200


def test_a_proxy_that_does_not_say_who_asks_is_told_of_once(centre: Centre, caplog) -> None:
    client = app_of(
        replace(centre, settings=replace(centre.settings, behind_tls=True))
    ).test_client()
    named = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}

    def told() -> int:
        return caplog.text.count("without X-Forwarded-For")

    client.get("/healthz")  # by this machine itself
    client.get("/sign-in", headers=named)
    assert told() == 0
    client.get("/sign-in")
    client.get("/sign-in")
    assert told() == 1


def test_figures_may_be_read_from_elsewhere_with_the_token(centre: Centre) -> None:
    settings = replace(centre.settings, metrics_token="correct-horse")
    client = app_of(replace(centre, settings=settings)).test_client()
    away = {"REMOTE_ADDR": "192.0.2.7"}
    right = {"Authorization": "Bearer correct-horse"}
    assert client.get("/metrics", environ_base=away, headers=right).status_code == 200
    for wrong in ("Bearer other", "Basic correct-horse", "Bearer 马"):
        headers = {"Authorization": wrong.encode().decode("latin-1")}
        assert client.get("/metrics", headers=headers).status_code == 403
    assert client.get("/metrics").status_code == 403
    assert "correct-horse" not in repr(settings)


def test_the_alert_rules_that_operators_copy_name_figures_there_are(
    laptop: Laptop, client: FlaskClient
) -> None:
    laptop.write("household", "create", household())
    body = laptop.body()
    laptop.post(client, body)
    client.post(f"{API}/sync", json=body)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rules = page.partition("- name: gridrounds\n")[2].partition("```")[0]
    named = set(re.findall(r"\bgridrounds_\w+", rules))
    shown = client.get("/metrics").text
    assert len(named) >= 3
    for name in named:
        assert re.search(rf"^{name}(\{{| )", shown, re.M), name
    for label, value in re.findall(r'(check|code)="(\w+)"', rules):
        assert label == "code" or f'gridrounds_ready{{check="{value}"}}' in shown
